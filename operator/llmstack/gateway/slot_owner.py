"""Who is told how replicas are doing?"""

from typing import Protocol

from llmstack.routing.slots import SlotsSeen


class SlotOwner(Protocol):
    """Is told about replicas: the owner of their models' slots (local_owner.py)."""

    def replica_up(self, model: str, backend: str, slots: int) -> None:
        """The replica answers. It gets requests after its first poll."""
        ...

    def replica_down(self, model: str, backend: str) -> None:
        """The replica is gone, with everything it was doing."""
        ...

    def seen(self, model: str, backend: str, poll: SlotsSeen) -> None:
        """A poll of /slots was answered."""
        ...

    def quarantine(self, model: str, backend: str, on: bool) -> None:
        """The replica is wedged, or no longer."""
        ...

    def draining(self, model: str, backend: str) -> bool:
        """Returns True if a poll of the replica is waited for, because slots are in doubt."""
        ...
