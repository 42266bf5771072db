"""Which deployment holds a name that several claim?

The watches report all LLMDeployments; this remembers what each of them claims. A name that two
claim concerns both, so when one changes its claim, the others get a pass too.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.api.names import Claim, claim_of, holder
from llmstack.api.resource import parse
from llmstack.errors import InvalidSpec


class NameIndex:
    """The claims of all deployments that the watches have reported."""

    def __init__(self) -> None:
        self._claims: dict[Key, Claim] = {}
        self._claimants: dict[str, set[Key]] = defaultdict(set)
        self._read: dict[Key, object] = {}

    def note(self, body: Mapping[str, Any], *, deleted: bool = False) -> list[Key]:
        """Takes an LLMDeployment. Returns the others whose names this may change."""
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        if not self._is_new(key, body, deleted=deleted):
            return []
        before = self._claims.pop(key, None)
        after = None if deleted else _claim(body)
        changed = {
            name
            for name in {*_names(before), *_names(after)}
            if _standing(before, name) != _standing(after, name)
        }
        for name in _names(before):
            self._claimants[name].discard(key)
            if not self._claimants[name]:
                del self._claimants[name]
        for name in _names(after):
            self._claimants[name].add(key)
        if after:
            self._claims[key] = after
        concerned = {other for name in changed for other in self._claimants.get(name, ())}
        return sorted(concerned - {key})

    def _is_new(self, key: Key, body: Mapping[str, Any], *, deleted: bool) -> bool:
        """False if the last report has the same claims, so that each generation is read once."""
        metadata, status = body["metadata"], body.get("status") or {}
        if deleted or "generation" not in metadata:
            self._read.pop(key, None)
            return True
        read = metadata["uid"], metadata["generation"], status.get("names") or []
        was, self._read[key] = self._read.get(key), read
        return read != was

    def conflicts(self, key: Key) -> dict[str, str]:
        """Returns the names of the deployment that another one holds, and its namespace/name."""
        found = {}
        for name in _names(self._claims.get(key)):
            first = holder(name, (self._claims[other] for other in self._claimants[name]))
            if first is not self._claims[key]:
                found[name] = first.full_name
        return found


def _claim(body: Mapping[str, Any]) -> Claim:
    """Returns the claim. Without a valid spec it has only the names independent of the spec."""
    try:
        return claim_of(parse(dict(body)))
    except InvalidSpec:
        metadata = body["metadata"]
        created = metadata.get("creationTimestamp", "")
        return Claim(metadata["namespace"], metadata["name"], metadata["uid"], created)


def _names(claim: Claim | None) -> tuple[str, ...]:
    return claim.names if claim else ()


def _standing(claim: Claim | None, name: str) -> object:
    return claim.standing(name) if claim and name in claim.names else None
