"""How often is a replica polled, and how long may its answers take?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How often a replica is polled, and how long answers may take. All in seconds.

    `poll`: between polls of /slots; `metrics`: between polls of /metrics. `quick` to `slow`:
    between polls while slots are in doubt, doubling. `soon` to `away`: between attempts to find a
    replica, a twentieth of the time for which it has been away for the same reason. `patience` and
    `connect`: timeouts for an answer and for a connection. `unreachable`: after this time, a
    replica that the cluster finds ready but the gateway cannot reach is reported as unreachable.
    """

    poll: float = 1.0
    quick: float = 0.03
    slow: float = 0.25
    soon: float = 0.1
    away: float = 0.5
    metrics: float = 10.0
    patience: float = 15.0
    connect: float = 3.0
    unreachable: float = 15.0

    def until_next_try(self, away: float) -> float:
        """Returns the seconds until the next attempt at a replica that has been away this long.

        A start that takes seconds is noticed within a tenth of a second, a long one within a
        twentieth of its time.
        """
        return min(max(self.soon, away / 20), self.away)


def answer_timeout(pace: Pace, wedge_seconds: float) -> float:
    """Returns the timeout for an answer of a replica, in seconds."""
    # Several polls must fit into the silence after which a replica counts as wedged.
    return min(pace.patience, wedge_seconds / 4)
