"""What is told of a server that died under requests?"""

from typing import NamedTuple

MOST_TOLD = 16
"""Deaths of one model that are remembered."""


class Death(NamedTuple):
    """One death. `id` counts those of the model since the process began; `at` is a Unix time.

    `suspects`: requests that had no first byte. `tenant` and `request` are whose was to blame, ""
    where several may be.
    """

    id: int
    replica: str
    at: float
    suspects: int
    tenant: str = ""
    request: str = ""
