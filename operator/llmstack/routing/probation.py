"""How is a tenant slowed down whose requests kill servers?

    strike n ──> no request is sent for pause · 2^(n-1) seconds, then one at a time, until
                 slow · 2^(n-1) seconds after the strike. After as long again without another
                 strike, all strikes are forgotten.

So however many bodies a tenant tries, it kills its n-th server at least pause · 2^(n-1) seconds
after the one before. A first strike costs an innocent tenant little: a server may die for reasons
of its own.
"""

from dataclasses import dataclass

_MOST = 20
"""Strikes that are told apart: by then the pause and the slowing have reached their limits."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Durations in seconds. If `slow` is 0, no tenant is slowed down."""

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
    """The tenants of one model that are slowed down."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._records: dict[str, _Record] = {}

    def __bool__(self) -> bool:
        """True if any tenant has a strike on record."""
        return bool(self._records)

    def strike(self, tenant: str, now: float) -> None:
        """Records that one of the tenant's requests killed a server."""
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
        """True if the tenant's requests must go one at a time."""
        known = self._known(tenant, now)
        return known is not None and now < known.at + known.slow

    def pause(self, tenant: str, now: float) -> float:
        """Returns the seconds until the tenant may send again, 0 for nearly all tenants."""
        known = self._known(tenant, now)
        return max(0.0, known.at + known.pause - now) if known else 0.0

    def _known(self, tenant: str, now: float) -> _Record | None:
        known = self._records.get(tenant)
        if known is not None and now >= known.at + 2 * known.slow:
            del self._records[tenant]
            return None
        return known
