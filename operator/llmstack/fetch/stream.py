"""How does a file come in one stream?

From a server without ranges, or where nothing identifies the version: two answers might be of two
versions, one answer is of one. It begins at the file's start, and so does every further try.
"""

from llmstack.api import reasons
from llmstack.fetch.client import Response, host
from llmstack.fetch.faults import Fault
from llmstack.fetch.hashing import Summing
from llmstack.fetch.inspect import HeaderLook
from llmstack.fetch.partial import Partial
from llmstack.fetch.remote import File, Located, check_answer, content_size, locate
from llmstack.fetch.tools import PIECE, Changed, Tools


class Stream:
    """One file, from where it was located into a partial."""

    def __init__(self, tools: Tools, file: File, located: Located, partial: Partial) -> None:
        self._tools = tools
        self._file = file
        self._located = located
        self._address = located.address
        self._partial = partial

    def run(self, look: HeaderLook) -> str:
        """The SHA-256 of the file, all of whose bytes are in the partial then."""
        size = self._tools.patience.persist(lambda: self._fetch(look))
        summing = Summing(self._partial.read_into, lambda: size, size)
        summing.start()
        try:
            return self._tools.await_sum(summing, self._file.name)
        finally:
            summing.give_up()

    def _fetch(self, look: HeaderLook) -> int:
        """The file in one answer; its size. Raises Fault, and what `look` raises."""
        client, meter, address = self._tools.client, self._tools.meter, self._address
        meter.add(-self._partial.have)
        self._partial.restart()
        position = 0
        try:
            with client.get(address.url, token=address.token) as answer:
                self._check(answer)
                for data in client.pieces(answer, address.url, PIECE):
                    self._partial.write(data, position)
                    position += len(data)
                    meter.add(len(data))
                    meter.tick()
                    look(position)
            self._require_all(position)
            look(position)
        except BaseException:
            meter.add(-position)
            raise
        return position

    def _check(self, answer: Response) -> None:
        """Raises Fault unless it is a success; an address that has expired is replaced."""
        try:
            check_answer(self._tools.client, answer, self._address, self._file.name)
        except Fault as fault:
            if fault.relocate:
                self._address = locate(self._tools.client, self._file).address
            raise
        if content_size(answer) not in (None, self._located.size or content_size(answer)):
            raise Changed(self._file.name)

    def _require_all(self, position: int) -> None:
        if self._located.size in (None, position):
            return
        what = f"{self._file.name} early, at byte {position} of {self._located.size}"
        raise Fault(reasons.SOURCE_TRUNCATED, f"{host(self._address.url)} ended {what}")
