"""How does a model get from its source into the cache?

in the cache already?            ── yes ─> done, 0 bytes
lock (or wait for who has it)
locate every part                size, announced sum, version; the first bytes: is it GGUF?
enough space?
headers of all parts             is it what the deployment asks for? Before the weights come
per part: blob there already?    ── no ──> partial (resumed if there is one) ─> download ─> sum
links, marker                    ─> done
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from llmstack.api import reasons
from llmstack.engines.facts import GGUFFile
from llmstack.engines.for_fetch import FILES
from llmstack.errors import FetchError
from llmstack.fetch.cache import Cache, Entry, Stored
from llmstack.fetch.download import Filling
from llmstack.fetch.faults import cache_error
from llmstack.fetch.inspect import HeaderLook, reading, require_gguf, require_magic
from llmstack.fetch.lock import Lock
from llmstack.fetch.partial import Partial, open_partial, remove_abandoned
from llmstack.fetch.remote import File, Located, file_of, hub_commit, locate
from llmstack.fetch.space import require_space
from llmstack.fetch.stream import Stream
from llmstack.fetch.tools import StartAgain, Tools
from llmstack.fetch.wanted import Wanted
from llmstack.models.source import ClaimSource, HubSource, base_name, part_names, part_sources

_TRIES = 3


@dataclass(frozen=True)
class Part:
    """One file of the model. `expected` is the sum it must have, None if nobody said."""

    number: int
    file: File
    located: Located
    expected: str | None

    @property
    def version(self) -> str:
        """What identifies these very bytes; "" if nothing does, then nothing is resumed."""
        if self.expected:
            identity = self.expected
        elif self.located.validator:
            identity = f"{self.file.url}\n{self.located.validator}"
        else:
            return ""
        return hashlib.sha256(f"{identity}\n{self.located.size}".encode()).hexdigest()[:16]

    @property
    def in_ranges(self) -> bool:
        """True if it can be put together from several answers."""
        return self.located.ranges and self.located.size is not None and bool(self.version)


def bring(wanted: Wanted, cache: Cache, tools: Tools, waiting: Callable[[str], None]) -> Entry:
    """The model, complete in the cache. Raises FetchError."""
    try:
        return _bring(wanted, cache, tools, waiting)
    except OSError as error:
        raise cache_error(error, cache.root, tools.meter.left()) from error


def _bring(wanted: Wanted, cache: Cache, tools: Tools, waiting: Callable[[str], None]) -> Entry:
    entry = wanted.cached(cache)
    if entry is None:
        cache.prepare(part_names(base_name(wanted.source)))
        lock = Lock(cache.lock_path(wanted.key), tools.settings.lock, waiting)
        try:
            if lock.acquire(lambda: cache.ready(wanted.key) is not None):
                return _download(wanted, cache, tools)
        finally:
            lock.release()
        entry = wanted.cached(cache)
    if entry is None:
        raise FetchError(reasons.FETCH_FAILED, "the model vanished from the cache: try again")
    return entry


def _download(wanted: Wanted, cache: Cache, tools: Tools) -> Entry:
    """Again from the start when the file changed, or when an old partial turned out to be bad."""
    one_stream = False
    for _ in range(_TRIES - 1):
        try:
            return _download_parts(wanted, locate_parts(wanted, tools, one_stream), cache, tools)
        except (StartAgain, _Stale) as error:
            tools.meter.note(f"starting again: {error}")
            one_stream = one_stream or isinstance(error, StartAgain)
    return _download_parts(wanted, locate_parts(wanted, tools, one_stream), cache, tools)


def locate_parts(wanted: Wanted, tools: Tools, one_stream: bool) -> list[Part]:
    """Where all parts are. `one_stream`: not in ranges. Raises FetchError."""
    persist, endpoint = tools.patience.persist, tools.settings.endpoint
    assert not isinstance(wanted.source, ClaimSource), "a claim is read where it lies"
    commit = None
    if isinstance(wanted.source, HubSource):
        commit = persist(partial(hub_commit, tools.client, endpoint, wanted.source))
    parts = []
    for number, source in enumerate(part_sources(wanted.source), 1):
        file = file_of(source, endpoint, commit)
        located = persist(partial(locate, tools.client, file))
        require_magic(file.name, located.start)
        if one_stream:
            located = replace(located, ranges=False)
        parts.append(Part(number, file, located, _expected(wanted, number, located)))
    return parts


def _expected(wanted: Wanted, number: int, located: Located) -> str | None:
    """The sum that the user (for the first part) or else the hub names. They must agree."""
    mine = wanted.sha256 if number == 1 else None
    if mine and located.sha256 and mine != located.sha256:
        raise _mismatch(
            f"{base_name(wanted.source)}: {wanted.demands.field}.sha256 is {mine}",
            f"the hub announces {located.sha256}",
        )
    return mine or located.sha256


@dataclass
class _Job:
    """A part on its way: its partial, or None if its blob is there, and its header once seen."""

    part: Part
    partial: Partial | None
    file: GGUFFile | None = None
    filling: Filling | None = None


def _download_parts(wanted: Wanted, parts: list[Part], cache: Cache, tools: Tools) -> Entry:
    with ExitStack() as opened:
        jobs = [_Job(part, _open(wanted, part, cache, opened)) for part in parts]
        require_space(
            cache, [(job.part.located.size or 0, job.partial.have) for job in jobs if job.partial]
        )
        _begin_meter(jobs, tools)
        for job in jobs:
            _read_header(job, wanted, jobs, cache, tools)
        stored = [_finish(job, wanted, jobs, cache, tools) for job in jobs]
    tools.meter.flush()
    files = _known(jobs)
    wanted.check_files(files)
    entry = Entry(tuple(stored), FILES.combine([file.facts for file in files]))
    cache.publish(wanted.key, entry)
    return entry


def _begin_meter(jobs: list[_Job], tools: Tools) -> None:
    sizes = [job.part.located.size for job in jobs]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    have = [job.partial.have if job.partial else job.part.located.size or 0 for job in jobs]
    tools.meter.begin(sum(have), total)


def _open(wanted: Wanted, part: Part, cache: Cache, opened: ExitStack) -> Partial | None:
    """The part's partial; None if its blob is there. Other versions of the part are removed."""
    stem = f"{wanted.key}.{part.number:05d}.{part.version or 'unversioned'}"
    keep = stem if part.version else ""
    if cache.has_blob(part.expected, part.located.size):
        remove_abandoned(cache.partials, f"{wanted.key}.{part.number:05d}.*")
        return None
    remove_abandoned(cache.partials, f"{wanted.key}.{part.number:05d}.*", keep=keep)
    found = open_partial(cache.partials, stem, part.located.size or 0, resume=bool(part.version))
    opened.callback(found.close)
    return found


def _known(jobs: list[_Job]) -> list[GGUFFile]:
    """The headers of the first parts, as far as they were seen without a gap."""
    files = []
    for job in jobs:
        if job.file is None:
            break
        files.append(job.file)
    return files


def _read_header(job: _Job, wanted: Wanted, jobs: list[_Job], cache: Cache, tools: Tools) -> None:
    """See the part's header, if that takes no whole download, and judge all that were seen."""
    part = job.part
    if job.partial is None:
        with reading(cache.blob(part.expected or "")) as (read, size):
            job.file = require_gguf(part.file.name, read, size)
        wanted.check_files(_known(jobs))
    elif part.in_ranges:
        tools.meter.work_on(part.file.name)
        has_sum = part.expected is not None
        job.filling = Filling(tools, part.file, part.located, job.partial, has_sum=has_sum)
        with _judging(job, jobs):
            job.filling.read_header(_look(job, wanted, jobs))


def _look(job: _Job, wanted: Wanted, jobs: list[_Job]) -> HeaderLook:
    assert job.partial is not None, "its blob is not there"

    def seen(file: GGUFFile) -> None:
        job.file = file
        wanted.check_files(_known(jobs))

    return HeaderLook(job.part.file.name, job.partial.read, job.part.located.size, seen)


def _finish(job: _Job, wanted: Wanted, jobs: list[_Job], cache: Cache, tools: Tools) -> Stored:
    """The part as a blob."""
    part, found = job.part, job.partial
    if found is None:
        assert job.file is not None, "its header was read from the blob"
        return Stored(
            part.file.name, part.expected or "", job.file.facts.size_bytes, part.file.revision
        )
    tools.meter.work_on(part.file.name)
    with _judging(job, jobs):
        sha256 = _fill(job, _look(job, wanted, jobs), tools)
        require_sum(part, sha256, wanted)
        size = found.written()
        # Once more, for now every byte is verified: the first look may have been at an old partial.
        job.file = require_gguf(part.file.name, found.read, size)
        wanted.check_files(_known(jobs))
    cache.store(found, sha256, size)
    return Stored(part.file.name, sha256, size, part.file.revision)


def _fill(job: _Job, look: HeaderLook, tools: Tools) -> str:
    if job.filling:
        return job.filling.run()
    assert job.partial is not None, "its blob is not there"
    if job.part.located.ranges:
        tools.meter.note(
            f"nothing identifies the version of {job.part.file.name} (no strong ETag): it comes in "
            "one stream, and from the start after a failure. With its sum in the field sha256 "
            "beside source it comes in ranges"
        )
    return Stream(tools, job.part.file, job.part.located, job.partial).run(look)


@contextmanager
def _judging(job: _Job, jobs: list[_Job]) -> Iterator[None]:
    """Removes what an error proves to be of no use, and keeps the rest for the next try."""
    found = job.partial
    assert found is not None, "its blob is not there"
    try:
        yield
    except BaseException as error:
        found.in_use = job.filling is not None and not job.filling.settle()
        proved_bad = isinstance(error, FetchError) and error.reason in _PROVED_BAD
        if proved_bad or isinstance(error, StartAgain):
            for other in jobs:
                if other.partial:
                    other.partial.discard()
        if proved_bad and found.have:
            raise _Stale(error) from error
        raise


def require_sum(part: Part, sha256: str, wanted: Wanted) -> None:
    """Raises FetchError if the file is not the one that is expected."""
    if part.expected in (None, sha256):
        return
    mine = wanted.sha256 == part.expected
    who = f"{wanted.demands.field}.sha256 is" if mine else "the hub announces"
    raise _mismatch(f"{part.file.name}: {who} {part.expected}", f"the file has {sha256}")


def _mismatch(expected: str, actual: str) -> FetchError:
    return FetchError(
        reasons.CHECKSUM_MISMATCH,
        f"{expected} and {actual}. Correct the sum if the file is the one you want; otherwise do "
        "not trust this source",
    )


class _Stale(FetchError):
    """The file is bad, and some of its bytes came from an earlier fetch: try without them."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(getattr(error, "reason", reasons.FETCH_FAILED), str(error))


_PROVED_BAD = (reasons.CHECKSUM_MISMATCH, reasons.NOT_GGUF)
