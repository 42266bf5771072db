"""Who wrote what, and when, according to the API server's audit log?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# llmstack/0.1.0 (NAME_1a2b3c4d): the operator's calls; its watches say llmstack-watch.
_AGENT = re.compile(r"^llmstack(-watch)?/?\S* \((?P<holder>.+)\)$")


@dataclass(frozen=True)
class Write:
    """One request of an operator that changes something; times as the API server writes them."""

    holder: str
    verb: str
    resource: str
    namespace: str
    name: str
    received: str
    answered: str
    code: int

    @property
    def is_lease(self) -> bool:
        return self.resource == "leases"


def entries(path: Path, start: int = 0) -> list[dict[str, Any]]:
    """The whole lines from byte `start` on: the last one may still be in the making."""
    with path.open("rb") as log:
        log.seek(start)
        return [json.loads(line) for line in log.read().split(b"\n")[:-1] if line]


def user(entry: dict[str, Any]) -> str:
    """Who asked? "" if the API server refused somebody whom it does not know (401)."""
    return str(entry["user"].get("username", ""))


def about(entry: dict[str, Any], field: str) -> str:
    """What was it about: the object's resource, namespace or name? "" if that does not apply."""
    return str(entry.get("objectRef", {}).get(field, ""))


class AuditLog:
    """The log from now on, or from the last `forget()`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._from = 0
        self.forget()

    def forget(self) -> None:
        """What is in the log by now does not count any more."""
        self._from = self._path.stat().st_size if self._path.exists() else 0

    def entries(self) -> list[dict[str, Any]]:
        return entries(self._path, self._from)

    def writes(self, holder: str = "") -> list[Write]:
        """Changing requests of operators whose name begins so, in the order of their arrival."""
        found = [write for entry in self.entries() if (write := _write(entry))]
        return sorted(
            (write for write in found if write.holder.startswith(holder)),
            key=lambda write: write.received,
        )

    def changes(self, holder: str = "") -> list[Write]:
        """The same without the Lease."""
        return [write for write in self.writes(holder) if not write.is_lease]


def _write(entry: dict[str, Any]) -> Write | None:
    agent = _AGENT.match(entry.get("userAgent", ""))
    if entry["stage"] != "ResponseComplete" or entry["verb"] not in _WRITES or not agent:
        return None
    return Write(
        holder=agent["holder"],
        verb=entry["verb"],
        resource=about(entry, "resource"),
        namespace=about(entry, "namespace"),
        name=about(entry, "name"),
        received=entry["requestReceivedTimestamp"],
        answered=entry["stageTimestamp"],
        code=entry.get("responseStatus", {}).get("code", 0),
    )


def assert_one_writer_at_a_time(writes: list[Write]) -> None:
    """Nobody writes before the last one's last write was answered, and nobody comes back."""
    changes = [write for write in writes if not write.is_lease]
    finished: dict[str, str] = {}
    for write in changes:
        for other, answered in finished.items():
            if other != write.holder:
                assert answered <= write.received, f"{other} and {write.holder} wrote at once"
        finished[write.holder] = max(write.answered, finished.get(write.holder, ""))
    turns = [holder for holder, _ in groupby(changes, key=lambda write: write.holder)]
    assert len(turns) == len(set(turns)), f"a holder came back: {turns}"
