"""How do clients in the cluster ask, and how does a test hear what they were answered?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.stack import Stack

HERE = Path(__file__).parent
Answer = dict[str, Any]


class Client:
    """One pod that asks until it is deleted."""

    def __init__(self, home: Stack, name: str) -> None:
        self._home = home
        self._name = name

    def answers(self) -> list[Answer]:
        """All answers so far."""
        return [json.loads(line) for line in self._home.kubectl("logs", self._name).splitlines()]

    def failures(self) -> list[Answer]:
        """Those that were not whole."""
        return [answer for answer in self.answers() if not answer["ok"]]

    def wait_for_more(self, number: int = 6, seconds: float = 120.0) -> list[Answer]:
        """Until so many more have come; these. Failed ones count too."""
        before = self._count()
        wait_until(lambda: self._count() >= before + number, f"{number} more answers", seconds)
        return self.answers()[before:]

    def _count(self) -> int:
        # Before the container runs there is no log.
        pod = self._home.get("pod", self._name)
        return len(self.answers()) if pod["status"].get("phase") == "Running" else 0


@contextmanager
def client(
    home: Stack, image: str, url: str, model: str = "-", workers: int = 3, pause: float = 0
) -> Iterator[Client]:
    """Clients in the namespace of `home`, with the first answers on their way.

    Each of the `workers` pauses for so many seconds after an answer.
    """
    name = "client"
    home.apply(config_map(name, data={"client.py": (HERE / "client.py").read_text()}))
    manifest = (HERE / "client.yaml").read_text()
    values = {"NAME": name, "IMAGE": image, "URL": url, "MODEL": model}
    values |= {"WORKERS": f'"{workers}"', "PAUSE": f'"{pause}"'}
    for key, value in values.items():
        manifest = manifest.replace(key, value)
    home.apply(manifest)
    try:
        yield Client(home, name)
    finally:
        home.kubectl("delete", "pod", name, "--timeout=30s")


def config_map(name: str, **content: Any) -> dict[str, Any]:
    """A ConfigMap with `data` or `binaryData`."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **content}
