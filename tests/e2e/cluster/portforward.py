"""How does the host reach a Service of a cluster that is not ours to put a forwarder into?

By `kubectl port-forward`, one process per address. It is bound to one pod: where that goes, the
address goes, too. The processes outlive us, so that an address printed to a person stays good;
their ids are kept in `home/forwards.json` for `stop_all`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from .errors import NotReady
from .processes import wait_until


def forward(command: list[str], home: Path, namespace: str, service: str, port: int) -> str:
    """A URL on this host for a Service's port; `command` is kubectl with its options."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"forward-{namespace}-{service}-{port}.log"
    argv = [*command, "port-forward", f"--namespace={namespace}", f"service/{service}", f":{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _remember(home, process.pid)

    def listening() -> bool:
        if process.poll() is not None:
            raise NotReady(f"kubectl port-forward ended: {log.read_text().strip()}")
        return _local_port(log) is not None

    wait_until(listening, f"kubectl port-forward to {service}", seconds=30)
    return f"http://127.0.0.1:{_local_port(log)}"


def stop_all(home: Path) -> None:
    """Ends every forward that was made for `home`."""
    for pid in _remembered(home):
        # The number may belong to another program by now.
        with suppress(OSError):
            if b"port-forward" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGTERM)
    (home / "forwards.json").unlink(missing_ok=True)


def _local_port(log: Path) -> int | None:
    said = re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", log.read_text())
    return int(said.group(1)) if said else None


def _remember(home: Path, pid: int) -> None:
    (home / "forwards.json").write_text(json.dumps([*_remembered(home), pid]))


def _remembered(home: Path) -> list[int]:
    try:
        return [int(pid) for pid in json.loads((home / "forwards.json").read_text())]
    except FileNotFoundError:
        return []
