"""Who holds the Lease, and what may be done about it?

Pure: a record as it was read, the moment at which it was first seen like this on the reader's own
clock, and now. Clocks of other machines play no part, so their skew does not matter: a holder
counts as gone when its record has not changed for its whole duration.

    leader     renew at t0 ── writes until t0 + renew_deadline ── process gone
    follower        sees the change at t1 ≥ t0 ── takes over at t1 + duration, renew_deadline later
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Sighting:
    """A record, and since when it has been like this, in seconds of the reader's own clock."""

    record: Object
    since: float

    @property
    def holder(self) -> str:
        """Who holds it? "" if it was released."""
        return str(self.record["spec"].get("holderIdentity") or "")

    @property
    def version(self) -> str:
        """Which writing of the record is this?"""
        return str(self.record["metadata"]["resourceVersion"])


def sight(record: Object, last: Sighting | None, now: float) -> Sighting:
    """Has it changed since the last look? Only then does its time begin anew."""
    seen = Sighting(record, now)
    return Sighting(record, last.since) if last and last.version == seen.version else seen


def free(seen: Sighting, me: str, own_duration: int, now: float) -> bool:
    """May it be taken? The longer of both durations counts, should settings differ.

    It names me already when I wrote it and the answer got lost.
    """
    promised = int(seen.record["spec"].get("leaseDurationSeconds") or 0)
    expired = now >= seen.since + max(promised, own_duration)
    return seen.holder in ("", me) or expired


def new_record(namespace: str, name: str, holder: str, duration: int, wall: float) -> Object:
    """The first record there is."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration,
            "acquireTime": _timestamp(wall),
            "renewTime": _timestamp(wall),
            "leaseTransitions": 0,
        },
    }


def taken(record: Object, holder: str, duration: int, wall: float) -> Object:
    """The record of a new holder, one transition later."""
    transitions = int(record["spec"].get("leaseTransitions") or 0) + 1
    return _changed(
        record,
        holderIdentity=holder,
        leaseDurationSeconds=duration,
        acquireTime=_timestamp(wall),
        renewTime=_timestamp(wall),
        leaseTransitions=transitions,
    )


def renewed(record: Object, wall: float) -> Object:
    """The same holder's record, fresh."""
    return _changed(record, renewTime=_timestamp(wall))


def released(record: Object, wall: float) -> Object:
    """A record that anybody may take at once."""
    return _changed(record, holderIdentity="", leaseDurationSeconds=1, renewTime=_timestamp(wall))


def _changed(record: Object, **spec: Any) -> Object:
    """`resourceVersion` stays in: the API server refuses the write if anyone was faster."""
    return {**record, "spec": {**record["spec"], **spec}}


def _timestamp(wall: float) -> str:
    """For people and other tools only: no decision here reads it."""
    return datetime.fromtimestamp(wall, UTC).strftime(_TIME)
