"""Who grants the slots of a model?

The only interface between the data plane and the owner of a model's queue and ledger. The owner is
this process (local_owner.py) or, among several gateways, the one chosen by rendezvous hashing
(peers/shared_owner.py).
"""

from typing import Protocol

from llmstack.routing.messages import Ask, Ending, Grant, Refusal


class Owner(Protocol):
    """Queues requests and grants slots."""

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for a refusal.

        If the caller is cancelled while it waits, its place in the queue is free at once, and a
        grant that is already on its way is released.
        """
        ...

    def holds(self, lease: int) -> bool:
        """True if nobody else can have got the lease's slots. Send the request only then."""
        ...

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease. Call it exactly once per grant."""
        ...

    def first_byte(self, lease: int) -> None:
        """Records the first byte of a response: the replica has begun the request."""
        ...

    def cached(self, lease: int, tokens: int) -> None:
        """Records how many prompt tokens were in the replica's cache, as the response says."""
        ...
