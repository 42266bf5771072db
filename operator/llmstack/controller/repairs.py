"""May an object that differs be written once more?

What people do to a child is put right at once. What the cluster itself changes back (an admission
webhook that rewrites a field, another controller) would be put right as fast as the API server
answers, for ever: each write is an event, and each event a pass. So one object in one form is
written a number of times at once, then once in a while, until it has been calm.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from llmstack.controller.schedule import Key
from llmstack.desired.metadata import APPLIED_HASH, Object, annotation

log = logging.getLogger(__name__)

BURST = 20
AGAIN_SECONDS = 60.0
"""After so long a contested object is written once more."""
CALM_SECONDS = 600.0
"""Who was not written for so long is not contested any more."""


@dataclass
class _Repairs:
    """How often was an object written in this form, and when last?"""

    form: str
    count: int = 0
    last: float = float("-inf")


class RepairLimit:
    """Counts the writes of each deployment's objects, as long as the deployment exists."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._repairs: dict[Key, dict[tuple[str, str], _Repairs]] = {}

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._repairs.pop(key, None)

    def allows(self, key: Key, desired: Object) -> bool:
        """May it be written now?"""
        repairs = self._known(key, desired)
        return repairs.count < BURST or self._clock() >= repairs.last + AGAIN_SECONDS

    def written(self, key: Key, desired: Object) -> None:
        """It was written. What the API server refuses does not count: nothing changed by it."""
        repairs, now = self._known(key, desired), self._clock()
        calm = now >= repairs.last + CALM_SECONDS
        repairs.count, repairs.last = (1 if calm else repairs.count + 1), now
        if repairs.count >= BURST:
            log.warning(
                "%s: %s %s is changed again after each apply, by an admission webhook or another "
                "controller: it is written once in %g s now",
                key,
                desired["kind"],
                desired["metadata"]["name"],
                AGAIN_SECONDS,
            )

    def _known(self, key: Key, desired: Object) -> _Repairs:
        form = annotation(desired, APPLIED_HASH)
        objects = self._repairs.setdefault(key, {})
        name = desired["kind"], desired["metadata"]["name"]
        if name not in objects or objects[name].form != form:
            objects[name] = _Repairs(form)
        return objects[name]
