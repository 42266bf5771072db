"""Until when may this process grant slots?"""


class Permit:
    """The time until which slots may be granted, shared by all pools of a process.

    A gateway without peers may always grant; with peers, peering.py sets the time.
    """

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = float("inf")
