"""How do the bytes of one file come in, in ranges?

    header   one connection, from the start, until the header can be read
    workers  ──> board (which range) ──> GET range ──> partial.write ──> board.advance, record
    flusher  ──> every few seconds: bytes to disk, then the journal's word that they are
    summing  ──> reads behind the workers
    main     ──> waits, reports

Ranges of two versions would make a mixture of both. So this way is for files whose version is
identified, by a sum or a strong ETag; all others come in one stream (stream.py).
"""

import threading
import time
from collections.abc import Callable, Sequence

from llmstack.api import reasons
from llmstack.fetch.board import Board, Segment
from llmstack.fetch.client import Response, host
from llmstack.fetch.faults import Fault
from llmstack.fetch.hashing import Summing
from llmstack.fetch.inspect import HeaderLook
from llmstack.fetch.partial import Partial
from llmstack.fetch.remote import (
    Address,
    File,
    Located,
    check_answer,
    content_range,
    locate,
    validator,
)
from llmstack.fetch.tools import PIECE, TICK_SECONDS, Changed, StartAgain, Tools
from llmstack.models.plan import MIN_CHUNK, Range, chunk_size, chunks, covered, missing, prefix

_RECORD_EVERY = 8 * 2**20
_FLUSH_SECONDS = 5.0
_SETTLE_SECONDS = 2.0
# A connection that brought so much before it failed has not failed in a row.
_PROGRESS_BYTES = 2**16


class Filling:
    """One file, from where it was located into a partial.

    `has_sum`: somebody named its sum. Then mirrors behind one name may differ in their ETags.
    """

    def __init__(
        self, tools: Tools, file: File, located: Located, partial: Partial, *, has_sum: bool
    ) -> None:
        self._tools = tools
        self._has_sum = has_sum
        self._file = file
        self._located = located
        self._partial = partial
        self._done = list(partial.done)
        self._address = located.address
        self._address_lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def read_header(self, look: HeaderLook) -> None:
        """Download as much of the file as `look` wants, and no more. Raises what it raises."""
        while wanted := look.wanted:
            gaps = [(start, min(end, wanted)) for start, end in self._gaps() if start < wanted]
            self._fetch(self._board(gaps), gaps)
            self._done += gaps
            look(prefix(self._done))

    def run(self) -> str:
        """The SHA-256 of the file, all of whose bytes are in the partial then."""
        gaps = self._gaps()
        board = self._board(gaps)
        summing = Summing(self._partial.read_into, board.prefix, self._partial.total)
        summing.start()
        try:
            self._fetch(board, gaps)
            return self._tools.await_sum(summing, self._file.name)
        finally:
            summing.give_up()

    def _gaps(self) -> tuple[Range, ...]:
        return missing(self._partial.total, self._done)

    def _board(self, gaps: Sequence[Range]) -> Board:
        total, connections = self._partial.total, self._tools.settings.connections
        return Board(chunks(gaps, chunk_size(total, connections)), self._workers(gaps), total)

    def _workers(self, gaps: Sequence[Range]) -> int:
        return max(1, min(self._tools.settings.connections, -(-covered(gaps) // MIN_CHUNK)))

    def _fetch(self, board: Board, gaps: Sequence[Range]) -> None:
        """Everything on the board, in as many threads as it is worth. Raises what fails."""
        done = threading.Event()
        self._start([self._work] * self._workers(gaps), board)
        self._start([self._flush], board, done)
        try:
            while not board.wait(TICK_SECONDS):
                self._tools.meter.tick()
            done.set()
            self._join()
        except BaseException as error:
            board.fail(error)
            self._record_rest(board)
            raise
        finally:
            done.set()

    def _start(self, targets: Sequence[Callable[..., None]], *arguments: object) -> None:
        for target in targets:
            thread = threading.Thread(target=target, args=arguments, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _join(self) -> None:
        """Everything has come: no thread touches the partial once they have ended."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(TICK_SECONDS)
                self._tools.meter.tick()

    def settle(self) -> bool:
        """Return True if no thread uses the partial file any more. One that waits for a silent
        server has not.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _record_rest(self, board: Board) -> None:
        """What the workers have in hand is worth keeping for the next fetcher."""
        for segment in board.active():
            self._record(segment)

    def _flush(self, board: Board, done: threading.Event) -> None:
        try:
            while not done.wait(_FLUSH_SECONDS):
                self._partial.flush()
        except OSError as error:
            board.fail(error)

    def _work(self, board: Board) -> None:
        try:
            self._take_ranges(board)
        except BaseException as error:
            board.fail(error)

    def _take_ranges(self, board: Board) -> None:
        failures, received = 0, 0
        while segment := board.take():
            start = segment.position
            try:
                if not self._fetch_range(board, segment):
                    return
            except Fault as fault:
                if segment.position - start >= _PROGRESS_BYTES:
                    failures = 0
                if failures == 0:
                    received = board.received
                failures += 1
                self._record(segment)
                board.give_back(segment)
                if self._tools.patience.is_over(failures) and board.retire(received):
                    return
                self._tools.patience.pause(failures, fault)
            else:
                failures = 0
                self._record(segment)
                board.finish(segment)

    def _record(self, segment: Segment) -> None:
        start, segment.recorded = segment.recorded, segment.position
        self._partial.record(start, segment.recorded)

    def _fetch_range(self, board: Board, segment: Segment) -> bool:
        """Fetch a range, or as much of it as is not taken away meanwhile. Raises Fault.

        False if the download was given up.
        """
        address = self._address
        headers = {"Range": f"bytes={segment.position}-{segment.end - 1}"}
        answer = self._tools.client.get(address.url, token=address.token, headers=headers)
        with answer:
            self._check_range(answer, address, segment.position)
            for data in self._tools.client.pieces(answer, address.url, PIECE):
                count = board.claim(segment, len(data))
                self._partial.write(memoryview(data)[:count], segment.position)
                board.advance(segment, count)
                self._tools.meter.add(count)
                if segment.position - segment.recorded >= _RECORD_EVERY:
                    self._record(segment)
                if segment.position >= segment.end:
                    return True
                if not count:
                    return False
        raise self._truncated(address, segment.position)

    def _truncated(self, address: Address, position: int) -> Fault:
        what = f"{self._file.name} early, at byte {position} of {self._located.size}"
        return Fault(reasons.SOURCE_TRUNCATED, f"{host(address.url)} ended {what}")

    def _check(self, answer: Response, address: Address) -> None:
        """Raises Fault unless it is a success; an address that has expired is replaced."""
        try:
            check_answer(self._tools.client, answer, address, self._file.name)
        except Fault as fault:
            if fault.relocate:
                self._relocate(address)
            raise

    def _check_range(self, answer: Response, address: Address, start: int) -> None:
        if answer.status == 416:
            raise Changed(self._file.name)
        self._check(answer, address)
        found = content_range(answer)
        if answer.status != 206 or found is None:
            what = f"{host(address.url)} gave ranges of {self._file.name} at first, and now none"
            raise StartAgain(reasons.SOURCE_UNREACHABLE, what)
        same = self._has_sum or validator(answer.headers) == self._located.validator
        if found[0] != start or found[2] != self._located.size or not same:
            raise Changed(self._file.name)

    def _relocate(self, refused: Address) -> None:
        """Ask the source's own host for a new address, once for all workers."""
        with self._address_lock:
            if self._address is refused:
                self._address = locate(self._tools.client, self._file).address
