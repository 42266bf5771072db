"""How is a tenant slowed whose requests end servers?

    strike n ──> nothing of it is sent for pause · 2^(n-1), then its requests go one at a time until
                 slow · 2^(n-1) seconds have passed since; after as long again without a strike
                 all is forgotten

So however many bodies it tries, the n-th server that it ends comes pause · 2^(n-1) seconds after
the one before. The first costs an innocent one little: a server may die for reasons of its own.
"""

from dataclasses import dataclass

_MOST = 20
"""Doublings: none of the limits is reached later."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds. `slow` 0: nobody is slowed."""

    pause: float = 1.0
    longest_pause: float = 300.0
    slow: float = 30.0
    longest_slow: float = 3600.0


@dataclass(slots=True)
class _Record:
    strikes: int
    at: float
    pause: float
    slow: float


class Probation:
    """The tenants of one model that are slowed."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._records: dict[str, _Record] = {}

    def __bool__(self) -> bool:
        """Whether anybody is."""
        return bool(self._records)

    def strike(self, tenant: str, now: float) -> None:
        """One of its requests ended a server."""
        terms = self._terms
        if not terms.slow:
            return
        known = self._known(tenant, now)
        strikes = min(_MOST, known.strikes + 1 if known else 1)
        twice = 2.0 ** (strikes - 1)
        pause = min(terms.longest_pause, terms.pause * twice)
        slow = max(pause, min(terms.longest_slow, terms.slow * twice))
        self._records[tenant] = _Record(strikes, now, pause, slow)

    def slowed(self, tenant: str, now: float) -> bool:
        """Whether its requests go one at a time."""
        known = self._known(tenant, now)
        return known is not None and now < known.at + known.slow

    def pause(self, tenant: str, now: float) -> float:
        """Seconds until its next request may be sent; 0 for nearly all."""
        known = self._known(tenant, now)
        return max(0.0, known.at + known.pause - now) if known else 0.0

    def _known(self, tenant: str, now: float) -> _Record | None:
        known = self._records.get(tenant)
        if known is not None and now >= known.at + 2 * known.slow:
            del self._records[tenant]
            return None
        return known
