"""What is reported of a server that died under requests?"""

from typing import NamedTuple

MOST_TOLD = 16
"""Deaths remembered per model."""


class Death(NamedTuple):
    """One death.

    `id` is unique among those of the model; `at` is a Unix time. `suspects` is the number of
    requests without a first byte. `tenant` and `request` name who is blamed; they are "" if several
    requests may have caused it.
    """

    id: str
    replica: str
    at: float
    suspects: int
    tenant: str = ""
    request: str = ""
