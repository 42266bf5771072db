"""Until when may slots be granted?"""


class Permit:
    """Shared by all pools of a process. Alone it may always grant; among peers see peering.py."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = float("inf")
