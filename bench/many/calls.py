"""Which calls did the operator make, by the API server's audit log?

Watches and the Lease are left out; so are the looks of controller/eyes.py (lists of one object at
most), whose number does not depend on the deployments.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Entry = dict[str, Any]


class Calls:
    """Counts from a place in the log on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._from = path.stat().st_size

    def counted(self) -> Counter[str]:
        """How many calls of each verb and resource were answered since the beginning?"""
        found: Counter[str] = Counter()
        with self._path.open("rb") as log:
            log.seek(self._from)
            for line in log:
                if b'"llmstack' in line and line.endswith(b"\n"):
                    entry = json.loads(line)
                    if counts(entry):
                        found[_title(entry)] += 1
        return found


def counts(entry: Entry) -> bool:
    """Is it a finished call of the operator that is about deployments?"""
    if entry["stage"] != "ResponseComplete" or not entry.get("userAgent", "").startswith(
        "llmstack"
    ):
        return False
    if entry["verb"] == "watch" or entry.get("objectRef", {}).get("resource") == "leases":
        return False
    return parse_qs(urlsplit(entry["requestURI"]).query).get("limit") != ["1"]


def _title(entry: Entry) -> str:
    about = entry.get("objectRef", {})
    part = "/" + about["subresource"] if about.get("subresource") else ""
    return f"{entry['verb']} {about.get('resource', '')}{part}"
