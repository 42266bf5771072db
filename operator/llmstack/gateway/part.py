"""Who receives a replica's response to one part of an array? It is kept, to be merged later."""

from collections.abc import Callable

from llmstack.gateway.http.answer import Answer, answered_with
from llmstack.gateway.http.client import Client
from llmstack.gateway.http.early import Early
from llmstack.gateway.http.framing import unchunk
from llmstack.gateway.note import Note

_MOST = 64 * 1024 * 1024


class Part(Early):
    """Takes the place of the client for the relay of one part; nothing reaches the client.

    `cut` is True if the response broke off or is too long.
    """

    __slots__ = ("_pieces", "_size", "cut")

    def __init__(self, client: Client, note: Note) -> None:
        super().__init__(client, note, b"", 0.0)
        self.begun = True
        self.cut = False
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def body(self) -> bytes:
        """The body of the replica's response, without chunk framing."""
        head, said = self._answer, b"".join(self._pieces)
        return unchunk(said) if head is not None and head.length is None else said

    def tick(self, now: float) -> None:
        """Does nothing: the client gets no comments while a part is served."""

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """Keeps the first bytes. Returns the function that keeps the following ones."""
        self._keep(first)
        return self._keep

    def end_early(self, last: bytes | None) -> None:
        """Records that the response broke off."""
        self.cut = True

    def refused(self) -> Answer | None:
        """Returns the replica's error, which becomes that of the whole request, or None."""
        head = self._answer
        if head is None or head.status == 200:
            return None
        return answered_with(head.status, self.body)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > _MOST:
            self.cut = True
            self._pieces.clear()
        elif not self.cut:
            self._pieces.append(data)
