"""Which deployments claim the same name?

The watches tell of all LLMDeployments; this remembers what each of them claims. A name that two
claim concerns both, so when one changes its names the others are looked at, too.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.api.names import claimed_names, full_name
from llmstack.api.resource import parse
from llmstack.errors import InvalidSpec


class NameIndex:
    """Who claims which name, as far as the watches have told?"""

    def __init__(self) -> None:
        self._names: dict[Key, frozenset[str]] = {}
        self._claims: dict[str, set[Key]] = defaultdict(set)

    def note(self, body: Mapping[str, Any], *, deleted: bool = False) -> list[Key]:
        """An LLMDeployment was seen. Whose conflicts may be other ones now, itself aside?"""
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        before = self._names.pop(key, frozenset())
        after = frozenset() if deleted else _names(body)
        for name in before - after:
            self._claims[name].discard(key)
            if not self._claims[name]:
                del self._claims[name]
        for name in after - before:
            self._claims[name].add(key)
        if after:
            self._names[key] = after
        changed = before ^ after
        concerned = {other for name in changed for other in self._claims.get(name, ())}
        return sorted(concerned - {key})

    def conflicts(self, key: Key) -> dict[str, tuple[str, ...]]:
        """Which of its names do others claim too, and who are they?"""
        found = {}
        for name in self._names.get(key, frozenset()):
            others = sorted(self._claims[name] - {key})
            if others:
                found[name] = tuple(str(other) for other in others)
        return found


def _names(body: Mapping[str, Any]) -> frozenset[str]:
    """Of a spec that cannot be read, only the names that it has whatever its spec says."""
    try:
        return frozenset(claimed_names(parse(dict(body))))
    except InvalidSpec:
        metadata = body["metadata"]
        return frozenset((full_name(metadata["namespace"], metadata["name"]), metadata["name"]))
