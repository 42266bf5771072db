"""How do the bytes of one file come in?

    workers ──> board (which range) ──> GET range ──> partial.write ──> board.advance, record
    flusher ──> every few seconds: bytes to disk, then the journal's word that they are
    summing ──> reads behind the workers
    main    ──> waits, reports, looks at the header as soon as it is there

A server without ranges gets one connection, from the start, and again from the start.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.fetch.board import Board, Segment
from llmstack.fetch.client import Client, Response, host
from llmstack.fetch.faults import Fault, Patience
from llmstack.fetch.hashing import Summing
from llmstack.fetch.partial import Partial
from llmstack.fetch.progress import Meter
from llmstack.fetch.remote import (
    Address,
    File,
    Located,
    check_answer,
    content_range,
    locate,
    validator,
)
from llmstack.models.plan import MIN_CHUNK, chunk_size, chunks, covered, missing
from llmstack.settings import FetchSettings

_PIECE = 2**18
_RECORD_EVERY = 8 * 2**20
_FLUSH_SECONDS = 5.0
_TICK_SECONDS = 0.1
_SETTLE_SECONDS = 2.0
# A connection that brought so much before it failed has not failed in a row.
_PROGRESS_BYTES = 2**16


@dataclass(frozen=True)
class Tools:
    """What every download needs: settings, connections, where to report, when to give up."""

    settings: FetchSettings
    client: Client
    meter: Meter
    patience: Patience


Inspect = Callable[[int], None]
"""Called with the length of the prefix that is there; raises if the file is not wanted."""


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
        self._address = located.address
        self._address_lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def run(self, inspect: Inspect) -> str:
        """The SHA-256 of the file, all of whose bytes are in the partial then."""
        if self._located.size is None or not self._located.ranges:
            size = self._tools.patience.persist(self._fetch_whole)
            return self._sum_up(size)
        return self._fetch_ranges(self._located.size, inspect)

    def _fetch_ranges(self, total: int, inspect: Inspect) -> str:
        todo = missing(total, self._partial.done)
        connections = self._tools.settings.connections
        workers = max(1, min(connections, -(-covered(todo) // MIN_CHUNK)))
        board = Board(chunks(todo, chunk_size(total, connections)), workers, total)
        summing = Summing(self._partial.read_into, board.prefix, total)
        summing.start()
        done = threading.Event()
        self._start([self._work] * workers, board)
        self._start([self._flush], board, done)
        try:
            while not board.wait(_TICK_SECONDS):
                self._tools.meter.tick()
                inspect(board.prefix())
            done.set()
            self._join()
            return self._await_sum(summing)
        except BaseException as error:
            board.fail(error)
            summing.give_up()
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
                thread.join(_TICK_SECONDS)
                self._tools.meter.tick()

    def settle(self) -> bool:
        """Has every thread let go of the partial? One that waits for a silent server has not."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _await_sum(self, summing: Summing) -> str:
        """What an earlier fetch had brought may take long to sum."""
        summing.join(self._tools.settings.progress)
        if summing.is_alive():
            self._tools.meter.note(f"all bytes of {self._file.name} are there, summing them")
        while summing.is_alive():
            summing.join(_TICK_SECONDS)
            self._tools.meter.tick()
        return summing.hexdigest()

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
            while data := self._tools.client.read_some(answer, address.url, _PIECE):
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
        self._check(answer, address)
        what = content_range(answer)
        if answer.status != 206 or what is None:
            raise Fault(reasons.SOURCE_UNREACHABLE, f"{host(address.url)} ignored a range")
        same = self._has_sum or validator(answer.headers) == self._located.validator
        if what[0] != start or what[2] != self._located.size or not same:
            raise Changed(self._file.name)

    def _relocate(self, refused: Address) -> None:
        """Ask the source's own host for a new address, once for all workers."""
        with self._address_lock:
            if self._address is refused:
                self._address = locate(self._tools.client, self._file).address

    def _fetch_whole(self) -> int:
        """The file in one answer; its size. Raises Fault."""
        partial, address = self._partial, self._address
        self._tools.meter.add(-partial.have)
        partial.restart()
        answer = self._tools.client.get(address.url, token=address.token)
        position = 0
        try:
            with answer:
                self._check(answer, address)
                while data := self._tools.client.read_some(answer, address.url, _PIECE):
                    partial.write(data, position)
                    position += len(data)
                    self._tools.meter.add(len(data))
                    self._tools.meter.tick()
            if self._located.size not in (None, position):
                raise self._truncated(address, position)
        except BaseException:
            self._tools.meter.add(-position)
            raise
        return position

    def _sum_up(self, size: int) -> str:
        summing = Summing(self._partial.read_into, lambda: size, size)
        summing.start()
        try:
            return self._await_sum(summing)
        finally:
            summing.give_up()


class Changed(FetchError):
    """The server has another version of the file now: nothing of the old one is of use."""

    def __init__(self, name: str) -> None:
        super().__init__(
            reasons.FETCH_FAILED,
            f"{name} changed on its server while it was downloaded: try again, or pin a revision",
        )
