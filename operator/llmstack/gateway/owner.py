"""Who grants the slots of a model?

The one interface between the data plane and whoever owns a model's queue and ledger: this process
(local_owner.py), or among several gateways the one that rendezvous hashing names
(peers/shared_owner.py).
"""

from typing import Protocol

from llmstack.routing.messages import Ask, Ending, Grant, Refusal


class Owner(Protocol):
    """Queues and grants."""

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for the word that there will be none.

        A caller that is cancelled while it waits has left: its place is free at once, and a grant
        that was on its way to it is released.
        """
        ...

    def holds(self, lease: int) -> bool:
        """True if nobody else can have got its slots meanwhile: only then may it be sent."""
        ...

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease; exactly once for each grant."""
        ...

    def first_byte(self, lease: int) -> None:
        """The first byte of its answer came: its replica has begun it."""
        ...

    def cached(self, lease: int, tokens: int) -> None:
        """So many tokens of its prompt were in its replica's cache, as the answer says."""
        ...
