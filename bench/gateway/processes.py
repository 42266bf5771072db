"""What does a process use, and how is it started and stopped?"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 90.0


def cpu_seconds(pid: int) -> float:
    """Of the process and its children, all threads, to the nanosecond."""
    own = time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) computes
    return own + sum(cpu_seconds(child) for child in _children(pid))


def peak_mb(pid: int) -> float:
    """The largest resident size that the process ever had, in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit(f"process {pid} has no memory any more")


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes into `log` and ends with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | (environment or {})
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when it holds; with the process's log as the error if it never does."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args!r} does not serve:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
