"""Which objects does the cluster itself modify whenever they are written?

What people do to a child is reverted at once. But if the answer to an apply differs from what was
applied, an admission webhook or a policy has modified it and will do so again. Each write would
then cause an event, each event a pass, and each pass a write. Such an object is left alone for a
while.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api.key import Key
from llmstack.desired.difference import difference
from llmstack.desired.drift import needs_apply
from llmstack.desired.metadata import APPLIED_HASH, Object, annotation

log = logging.getLogger(__name__)

AGAIN_SECONDS = 300.0
"""Seconds until it is applied again, since the webhook may be gone by then."""


@dataclass(frozen=True)
class _Rewritten:
    """Until when an object is left alone, and what the cluster made of it."""

    until: float
    words: str


class Contested:
    """Remembers the contested objects of each deployment while that exists."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[Key, dict[tuple[str, str, str], _Rewritten]] = {}

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._known.pop(key, None)

    def told(self, key: Key) -> dict[str, str]:
        """Returns what the cluster made of each contested object, by kind and name."""
        known = self._known.get(key, {})
        return {f"{kind} {name}": found.words for (kind, name, _), found in sorted(known.items())}

    def is_contested(self, key: Key, desired: Object) -> bool:
        """True if the object was modified in exactly this form lately, and must be left alone."""
        found = self._known.get(key, {}).get(_form(desired))
        return found is not None and self._clock() < found.until

    def settle(self, key: Key, desired: Object) -> None:
        """Records that the object is as desired, so nothing modifies it any more."""
        kind, name, _ = _form(desired)
        rest = self._others(key, kind, name)
        if rest:
            self._known[key] = rest
        else:
            self._known.pop(key, None)

    def judge(self, key: Key, desired: Object, answer: Mapping[str, Any]) -> None:
        """Compares the API server's answer to an apply with what was applied."""
        self.settle(key, desired)
        if not needs_apply(desired, answer):
            return
        kind, name, form = _form(desired)
        words = difference(desired, answer)
        found = _Rewritten(self._clock() + AGAIN_SECONDS, words)
        self._known.setdefault(key, {})[kind, name, form] = found
        log.warning(
            "%s: %s %s differs from what was applied, because an admission webhook or policy "
            "of the cluster modifies it (%s); retrying in %g s",
            key,
            kind,
            name,
            words,
            AGAIN_SECONDS,
        )

    def _others(self, key: Key, kind: str, name: str) -> dict[tuple[str, str, str], _Rewritten]:
        known = self._known.get(key, {})
        return {form: found for form, found in known.items() if form[:2] != (kind, name)}


def _form(desired: Object) -> tuple[str, str, str]:
    """Returns kind, name, and the hash of what is desired."""
    return desired["kind"], desired["metadata"]["name"], annotation(desired, APPLIED_HASH)
