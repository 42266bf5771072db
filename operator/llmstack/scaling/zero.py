"""Does somebody ask for a model that sleeps, and for how long has nobody asked for one that is up?

    line ─┬─ another epoch, or the model is new ─> nothing is known of before: idle begins
          ├─ a gap before it ────────────────────> idle begins
          ├─ a slot in use, a request waits, the count moved, no replica ready ─> idle begins
          └─ else ───────────────────────────────> idle goes on

A request that found no replica ready keeps the model wanted until one is, also when its client has
left. What a restart takes away (of the operator: all; of the gateway: its counts) neither wakes
nor puts to sleep: idle begins anew.
"""

from dataclasses import dataclass

from llmstack.api.key import Key
from llmstack.observed import Demand
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad


@dataclass(frozen=True)
class _Seen:
    """Observations of one model: its count, the time since which it is idle (None if it is not),
    and whether it was requested.
    """

    requests: int
    epoch: str = ""
    idle_since: float | None = None
    called: bool = False
    wanted: bool = False


class Activity:
    """Is fed with every view of the gateway, and remembers what the next is compared with.

    A view is old after `stale_seconds`; without a newer one by then, there is a gap.
    """

    def __init__(self, stale_seconds: float) -> None:
        self._stale_seconds = stale_seconds
        self._seen: dict[Key, _Seen] = {}
        self._known: frozenset[Key] = frozenset()
        self._at = float("-inf")

    def see(self, load: GatewayLoad | None, now: float) -> list[Key]:
        """The next view, None if there is none. Which models are wanted that were not before?"""
        if load is None or not load.epoch:
            self._at = float("-inf")
            return []
        gap = now - self._at >= self._stale_seconds
        before, known, self._at = self._seen, self._known, now
        # What a view leaves out is not known for now; its count still is.
        self._known = frozenset(load.models)
        self._seen = before | {
            key: _next(
                _of(before.get(key), epoch), model, now, gap=gap or key not in known, epoch=epoch
            )
            for key, model in load.models.items()
            if (epoch := model.epoch or load.epoch)
        }
        return sorted(
            key
            for key in load.models
            if self._seen[key].wanted and not _was_wanted(before.get(key), self._seen[key].epoch)
        )

    def demand(self, key: Key, now: float) -> Demand:
        """Return the demand for a model as known at this time."""
        seen = self._seen.get(key)
        if seen is None or key not in self._known or now - self._at >= self._stale_seconds:
            return Demand()
        idle = 0.0 if seen.idle_since is None else now - seen.idle_since
        return Demand(seen.wanted, idle)


def _of(seen: _Seen | None, epoch: str) -> _Seen | None:
    """What was seen in this epoch; None if nothing."""
    return seen if seen is not None and seen.epoch == epoch else None


def _was_wanted(seen: _Seen | None, epoch: str) -> bool:
    known = _of(seen, epoch)
    return known is not None and known.wanted


def _next(seen: _Seen | None, model: ModelLoad, now: float, *, gap: bool, epoch: str) -> _Seen:
    rose = seen is not None and model.requests > seen.requests
    # It falls where a model was deleted and made anew: nothing is known of what came in between.
    same = seen is not None and model.requests == seen.requests
    busy = model.occupied > 0 or model.waiting > 0
    called = not model.ready and (rose or (seen is not None and seen.called))
    since = seen.idle_since if seen is not None and same and not gap else None
    return _Seen(
        requests=model.requests,
        epoch=epoch,
        idle_since=None if busy or not model.ready else (now if since is None else since),
        called=called,
        wanted=not model.ready and (called or model.waiting > 0),
    )
