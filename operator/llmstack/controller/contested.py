"""Which objects does the cluster itself change, as they are written?

What people do to a child is put right at once. But where the answer to an apply is not what was
applied, an admission webhook or a policy has rewritten it, and will do so again: each write would
be an event, each event a pass, and each pass a write. Such an object is left as it is for a while.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.desired.drift import needs_apply
from llmstack.desired.metadata import APPLIED_HASH, Object, annotation

log = logging.getLogger(__name__)

AGAIN_SECONDS = 300.0
"""After so long it is tried again: the webhook may be gone."""


class Contested:
    """Remembers the contested objects of each deployment, as long as the deployment exists."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[Key, dict[tuple[str, str, str], float]] = {}

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._until.pop(key, None)

    def leave(self, key: Key, desired: Object) -> bool:
        """Was it rewritten in this very form a while ago?"""
        return self._clock() < self._until.get(key, {}).get(_form(desired), float("-inf"))

    def judge(self, key: Key, desired: Object, answer: Mapping[str, Any]) -> None:
        """It was applied, and this is what the API server made of it."""
        kind, name, form = _form(desired)
        others = {
            known: until
            for known, until in self._until.pop(key, {}).items()
            if known[:2] != (kind, name)
        }
        if needs_apply(desired, answer):
            others[kind, name, form] = self._clock() + AGAIN_SECONDS
            log.warning(
                "%s: %s %s was applied and is not as applied: an admission webhook or a policy of "
                "the cluster rewrites it; next try in %g s",
                key,
                kind,
                name,
                AGAIN_SECONDS,
            )
        if others:
            self._until[key] = others


def _form(desired: Object) -> tuple[str, str, str]:
    """Kind and name, and what is asked for."""
    return desired["kind"], desired["metadata"]["name"], annotation(desired, APPLIED_HASH)
