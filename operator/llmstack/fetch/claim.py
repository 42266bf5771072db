"""Is the model on a volume claim what the deployment wants? It is read where it lies.

Nothing is copied. A sum, if one was asked for, is taken at every start: the claim is not ours, and
nobody else vouches for what lies on it.
"""

from pathlib import Path

from llmstack.api import reasons
from llmstack.engines.for_fetch import FILES
from llmstack.errors import FetchError
from llmstack.fetch.cache import Entry, Stored
from llmstack.fetch.hashing import Summing
from llmstack.fetch.inspect import reading, require_gguf
from llmstack.fetch.progress import Meter
from llmstack.fetch.wanted import Wanted
from llmstack.models.source import ClaimSource, part_sources

_TICK_SECONDS = 0.1


def read_claim(source: ClaimSource, wanted: Wanted, root: Path, meter: Meter) -> Entry:
    """The model as it lies on the claim mounted at `root`. Raises FetchError."""
    names = [part.path for part in part_sources(source)]
    files, headers = [], []
    for name in names:
        try:
            with reading(root / name) as (read, size):
                headers.append(require_gguf(Path(name).name, read, size))
        except OSError as error:
            raise _unreadable(source, name, error) from error
        files.append(Stored(Path(name).name, "", size))
        wanted.check_files(headers)
    if wanted.sha256:
        sha256 = _require_sum(root / names[0], wanted, meter)
        files[0] = Stored(files[0].name, sha256, files[0].size)
    return Entry(tuple(files), FILES.combine([header.facts for header in headers]))


def _unreadable(source: ClaimSource, name: str, error: OSError) -> FetchError:
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return FetchError(
            reasons.SOURCE_NOT_FOUND,
            f"the claim {source.claim} has no file {name}: check the path in spec.model.source",
        )
    return FetchError(
        reasons.SOURCE_UNAUTHORIZED,
        f"{name} on the claim {source.claim} cannot be read: {error.strerror}. Make it readable "
        "for the pod's user or fsGroup",
    )


def _require_sum(path: Path, wanted: Wanted, meter: Meter) -> str:
    actual = _sum(path, meter)
    if actual != wanted.sha256:
        raise FetchError(
            reasons.CHECKSUM_MISMATCH,
            f"{path.name}: {wanted.demands.field}.sha256 is {wanted.sha256} and the file has "
            f"{actual}",
        )
    return actual


def _sum(path: Path, meter: Meter) -> str:
    """The file's SHA-256; the meter shows how far it is read."""
    size = path.stat().st_size
    meter.begin(0, size)
    meter.work_on(path.name)
    with reading(path) as (read, _):

        def read_into(buffer: memoryview, offset: int) -> int:
            data = read(offset, len(buffer))
            buffer[: len(data)] = data
            meter.add(len(data))
            return len(data)

        summing = Summing(read_into, lambda: size, size)
        summing.start()
        try:
            while summing.is_alive():
                summing.join(_TICK_SECONDS)
                meter.tick()
        finally:
            summing.give_up()
        return summing.hexdigest()
