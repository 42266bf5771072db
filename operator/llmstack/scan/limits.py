"""How much structure may a body have?"""

from typing import NamedTuple


class ScanLimits(NamedTuple):
    """Counts of one body; what exceeds one is refused.

    values    values in it, at any depth
    brackets  arrays and objects in it: each takes some microseconds to follow
    depth     brackets that are open at once; orjson writes no more
    members   members of the outermost object
    nested    members of watched names below it
    token     bytes of a name or number
    """

    values: int = 1_000_000
    brackets: int = 100_000
    depth: int = 254
    members: int = 1_000
    nested: int = 10_000
    token: int = 64 * 1024


LIMITS = ScanLimits()
