"""When may the next call go to the API server?

    a call ─ there is room ─> goes out ─ 429, or 503 with Retry-After ─┐
       ^        └─ there is none: it waits its turn                    │
       └─────────── waits as long as the server asks, as do all <──────┘

Pure: the caller brings the time, and does the waiting.
"""

from email.utils import parsedate_to_datetime

_TOO_MANY = 429
_UNAVAILABLE = 503
_LEAST_SECONDS = 1.0
"""The wait after an answer that asks for one and does not say how long."""


class Bucket:
    """`burst` calls at once, and `rate` a second on average, in the order in which they ask.

    `_full` is the moment at which the bucket holds `burst` tokens again: each call moves it on by
    what one token takes.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._token_seconds = 1.0 / rate
        self._ahead = (burst - 1) / rate
        self._full = float("-inf")
        self._held = float("-inf")

    def reserve(self, now: float, longest: float) -> float | None:
        """Seconds to wait before this call; None if they are too many, and nothing is reserved."""
        start = max(self._full, now)
        moment = max(now, self._held, start - self._ahead)
        if moment - now > longest:
            return None
        self._full = start + self._token_seconds
        return moment - now

    def give_back(self) -> None:
        """A call that waited was given up."""
        self._full -= self._token_seconds

    def hold(self, until: float) -> None:
        """No call that asks from now on goes out before that moment, and then no burst of them."""
        if until > self._held:
            self._held = until
            self._full = max(self._full, until + self._ahead)


def seconds_to_wait(status: int, retry_after: str, wall: float, *, reads: bool) -> float | None:
    """Seconds after which the same call may be sent again; None if it may not.

    The API server refuses with 429 and, while it starts or stops, 503 before it has done anything.
    Other failures that bring a Retry-After may have been written: only reads are sent again.
    """
    if status == _TOO_MANY:
        return _seconds(retry_after, wall) or _LEAST_SECONDS
    if retry_after and (status == _UNAVAILABLE or (reads and status > 500)):
        return _seconds(retry_after, wall) or _LEAST_SECONDS
    return None


def _seconds(value: str, wall: float) -> float | None:
    """What a Retry-After says, a number or a date; None if it is neither."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - wall, 0.0)
    except ValueError:
        return None
