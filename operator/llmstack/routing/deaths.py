"""What is told of a server that died under requests?"""

from typing import NamedTuple

MOST_TOLD = 16
"""Deaths of one model that are remembered."""


class Death(NamedTuple):
    """One death. `id` is unique among those of the model; `at` is a Unix time.

    `suspects`: requests that had no first byte. `tenant` and `request` are whose was to blame, ""
    where several may be.
    """

    id: str
    replica: str
    at: float
    suspects: int
    tenant: str = ""
    request: str = ""
