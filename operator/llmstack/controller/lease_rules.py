"""Who holds the Lease, and what may be done about it?

Pure: given a record as read, the moment at which it was first seen like this on the reader's own
clock, and now. Clocks of other machines do not matter, and neither does their skew: a holder counts
as gone once its record has not changed for its whole duration.

    leader     renew at t0 ── writes until t0 + renew_deadline ── process gone
    follower        sees the change at t1 ≥ t0 ── takes over at t1 + duration, which is later
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
        """The holder's identity, or "" if the Lease was released."""
        return str(self.record["spec"].get("holderIdentity") or "")

    @property
    def version(self) -> str:
        """The version of the record."""
        return str(self.record["metadata"]["resourceVersion"])


def sight(record: Object, last: Sighting | None, now: float) -> Sighting:
    """Returns the sighting of a record. Its time starts again only if the record changed."""
    seen = Sighting(record, now)
    return Sighting(record, last.since) if last and last.version == seen.version else seen


def free(seen: Sighting, me: str, own_duration: int, now: float) -> bool:
    """True if the Lease may be taken. The longer of the two durations counts.

    The record names `me` if an earlier write succeeded but its answer was lost.
    """
    promised = int(seen.record["spec"].get("leaseDurationSeconds") or 0)
    expired = now >= seen.since + max(promised, own_duration)
    return seen.holder in ("", me) or expired


def new_record(namespace: str, name: str, holder: str, duration: int, wall: float) -> Object:
    """Returns the very first record."""
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
    """Returns the record of a new holder, with one more transition."""
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
    """Returns the holder's record with a new renewal time."""
    return _changed(record, renewTime=_timestamp(wall))


def released(record: Object, wall: float) -> Object:
    """Returns a record that anybody may take at once."""
    return _changed(record, holderIdentity="", leaseDurationSeconds=1, renewTime=_timestamp(wall))


def _changed(record: Object, **spec: Any) -> Object:
    """Keeps `resourceVersion`, so that the API server refuses the write if another was faster."""
    return {**record, "spec": {**record["spec"], **spec}}


def _timestamp(wall: float) -> str:
    """Formats a time for people and other tools; no decision here reads it."""
    return datetime.fromtimestamp(wall, UTC).strftime(_TIME)
