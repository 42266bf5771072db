"""How does a model get from its source into the cache?

in the cache already?            ── yes ─> done, 0 bytes
lock (or wait for who has it)
locate every part                size, announced sum, version; the first bytes: is it GGUF?
enough space?
per part: blob there already?    ── no ──> partial (resumed if there is one) ─> download ─> sum
links, marker                    ─> done
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.fetch.cache import Cache, Entry, Stored
from llmstack.fetch.download import Changed, Filling, Tools
from llmstack.fetch.faults import cache_error, cache_full, free_space
from llmstack.fetch.inspect import (
    EarlyLook,
    reading,
    require_context,
    require_gguf,
    require_magic,
    require_parts,
)
from llmstack.fetch.lock import Lock
from llmstack.fetch.partial import Partial, open_partial, remove_abandoned
from llmstack.fetch.remote import File, Located, file_of, hub_commit, locate
from llmstack.models.facts import GGUFFacts
from llmstack.models.gguf import combine
from llmstack.models.plan import needed_space
from llmstack.models.source import Download, HubSource, base_name, cache_key, part_sources

_TRIES = 3
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Wanted:
    """Which model, and what the deployment asks of it.

    `context_length` is tokens per slot. `field` is where the user wrote it, for messages.
    """

    source: Download
    sha256: str | None
    context_length: int | None = None
    field: str = "spec.model"

    @property
    def key(self) -> str:
        """Its folder in the cache."""
        return cache_key(self.source, self.sha256)

    def check(self, facts: GGUFFacts) -> None:
        """Does the first file's header allow what is asked? Raises FetchError."""
        require_parts(base_name(self.source), facts, len(part_sources(self.source)))
        require_context(facts, self.context_length)


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


def bring(wanted: Wanted, cache: Cache, tools: Tools, waiting: Callable[[str], None]) -> Entry:
    """The model, complete in the cache. Raises FetchError."""
    try:
        return _bring(wanted, cache, tools, waiting)
    except OSError as error:
        raise cache_error(error, cache.root, tools.meter.left()) from error


def _bring(wanted: Wanted, cache: Cache, tools: Tools, waiting: Callable[[str], None]) -> Entry:
    entry = cache.ready(wanted.key)
    if entry is None:
        cache.prepare()
        lock = Lock(cache.lock_path(wanted.key), tools.settings.lock, waiting)
        try:
            if lock.acquire(lambda: cache.ready(wanted.key) is not None):
                return _download(wanted, cache, tools)
        finally:
            lock.release()
        entry = cache.ready(wanted.key)
    if entry is None:
        raise FetchError(reasons.FETCH_FAILED, "the model vanished from the cache: try again")
    wanted.check(entry.gguf)
    return entry


def _download(wanted: Wanted, cache: Cache, tools: Tools) -> Entry:
    """Again from the start when the file changed, or when an old partial turned out to be bad."""
    for _ in range(_TRIES - 1):
        try:
            return _download_parts(wanted, _locate_parts(wanted, tools), cache, tools)
        except (Changed, _Stale) as error:
            tools.meter.note(f"starting again: {error}")
    return _download_parts(wanted, _locate_parts(wanted, tools), cache, tools)


def _locate_parts(wanted: Wanted, tools: Tools) -> list[Part]:
    persist, endpoint = tools.patience.persist, tools.settings.endpoint
    commit = None
    if isinstance(wanted.source, HubSource):
        commit = persist(partial(hub_commit, tools.client, endpoint, wanted.source))
    parts = []
    for number, source in enumerate(part_sources(wanted.source), 1):
        file = file_of(source, endpoint, commit)
        located = persist(partial(locate, tools.client, file))
        require_magic(file.name, located.start)
        parts.append(Part(number, file, located, _expected(wanted, number, located)))
    return parts


def _expected(wanted: Wanted, number: int, located: Located) -> str | None:
    """The sum that the user (for the first part) or else the hub names. They must agree."""
    mine = wanted.sha256 if number == 1 else None
    if mine and located.sha256 and mine != located.sha256:
        raise _mismatch(
            f"{base_name(wanted.source)}: {wanted.field}.sha256 is {mine}",
            f"the hub announces {located.sha256}",
        )
    return mine or located.sha256


def _download_parts(wanted: Wanted, parts: list[Part], cache: Cache, tools: Tools) -> Entry:
    with ExitStack() as opened:
        partials = [_open(wanted, part, cache, opened) for part in parts]
        _require_space(wanted, parts, partials, cache)
        sizes = [part.located.size for part in parts]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        have = [
            found.have if found else part.located.size or 0
            for part, found in _pairs(parts, partials)
        ]
        tools.meter.begin(sum(have), total)
        done = [
            _finish(wanted, part, found, cache, tools) for part, found in _pairs(parts, partials)
        ]
    tools.meter.flush()
    entry = Entry(tuple(file for file, _ in done), combine([facts for _, facts in done]))
    cache.publish(wanted.key, entry)
    return entry


def _pairs(parts: list[Part], partials: list[Partial | None]) -> list[tuple[Part, Partial | None]]:
    return list(zip(parts, partials, strict=True))


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


def _require_space(
    wanted: Wanted, parts: list[Part], partials: list[Partial | None], cache: Cache
) -> None:
    """Is there room for what is missing? Partials that nobody continued make room first."""
    files = [
        (part.located.size or 0, found.have) for part, found in _pairs(parts, partials) if found
    ]
    needed = needed_space(files)
    if needed > free_space(cache.root):
        remove_abandoned(cache.partials, "*", before=time.time() - _ABANDONED_SECONDS)
    if needed > free_space(cache.root):
        raise cache_full(cache.root, needed)


def _finish(
    wanted: Wanted, part: Part, found: Partial | None, cache: Cache, tools: Tools
) -> tuple[Stored, GGUFFacts]:
    """The part as a blob, and its header."""
    name = part.file.name
    if found is None:
        sha256 = part.expected or ""
        with reading(cache.blob(sha256)) as (read, size):
            facts = require_gguf(name, read, size)
    else:
        tools.meter.work_on(name)
        sha256, facts = _fill(wanted, part, found, tools)
        size = facts.size_bytes
        cache.store(found, sha256, size)
    if part.number == 1:
        wanted.check(facts)
    return Stored(name, sha256, size, part.file.revision), facts


def _fill(wanted: Wanted, part: Part, found: Partial, tools: Tools) -> tuple[str, GGUFFacts]:
    """Download, sum, look. What is proved bad is removed, the rest kept for the next try."""
    filling = Filling(tools, part.file, part.located, found, has_sum=part.expected is not None)
    check = wanted.check if part.number == 1 else lambda facts: None
    look = EarlyLook(part.file.name, found.read, found.total, check)
    try:
        sha256 = filling.run(look)
        size = found.written()
        _require_sum(part, sha256, wanted)
        facts = require_gguf(part.file.name, found.read, size)
    except BaseException as error:
        found.in_use = not filling.settle()
        proved_bad = isinstance(error, FetchError) and error.reason in _PROVED_BAD
        if proved_bad or isinstance(error, Changed):
            found.discard()
        if proved_bad and found.have:
            raise _Stale(error) from error
        raise
    check(facts)
    return sha256, facts


def _require_sum(part: Part, sha256: str, wanted: Wanted) -> None:
    if part.expected in (None, sha256):
        return
    mine = wanted.sha256 == part.expected
    who = f"{wanted.field}.sha256 is" if mine else "the hub announces"
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
