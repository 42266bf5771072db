"""What does the deployment ask of a model, and do its headers allow it?"""

from collections.abc import Sequence
from dataclasses import dataclass

from llmstack.api import reasons
from llmstack.engines.facts import MODEL_FIELD, GGUFFacts, GGUFFile, NotGGUF
from llmstack.engines.for_fetch import FILES
from llmstack.errors import FetchError
from llmstack.fetch.cache import Cache, Entry
from llmstack.models.source import ClaimSource, Source, base_name, cache_key, part_names


@dataclass(frozen=True)
class Demands:
    """What is asked of the files that `field` of the spec names.

    `context_length` is tokens per slot, None if nobody asked. `shipped_engine`: the replica runs
    this project's llama-server, so what that cannot load is refused.
    """

    field: str = MODEL_FIELD
    context_length: int | None = None
    shipped_engine: bool = False


@dataclass(frozen=True)
class Wanted:
    """Which model, and what the deployment asks of it. `sha256` is the first file's."""

    source: Source
    sha256: str | None
    demands: Demands = Demands()

    @property
    def key(self) -> str:
        """Its folder in the cache."""
        return cache_key(self.source, self.sha256)

    def cached(self, cache: Cache) -> Entry | None:
        """The model, if the cache has all of it; None if not, or if it lies on a claim.

        Raises FetchError if its header rules it out.
        """
        if isinstance(self.source, ClaimSource):
            return None
        entry = cache.ready(self.key)
        if entry is not None:
            self.check_facts(entry.gguf)
        return entry

    def check_files(self, files: Sequence[GGUFFile]) -> None:
        """Raises FetchError if the headers, of all parts or the first of them, rule it out."""
        if not files:
            return
        names = part_names(base_name(self.source))
        try:
            FILES.check_parts(names, [file.split for file in files])
        except NotGGUF as error:
            raise FetchError(reasons.NOT_GGUF, str(error)) from error
        self.check_facts(files[0].facts)
        for name, file in zip(names, files, strict=False):
            self._check_engine(name, file.facts)

    def check_facts(self, facts: GGUFFacts) -> None:
        """The same for what a complete model's marker says of it."""
        name = base_name(self.source)
        elsewhere = FILES.misplaced(facts, self.demands.field)
        if elsewhere:
            raise FetchError(reasons.NOT_GGUF, f"{name}: {elsewhere}")
        require_context(facts, self.demands.context_length)
        self._check_engine(name, facts)

    def _check_engine(self, name: str, facts: GGUFFacts) -> None:
        found = FILES.obstacle(facts) if self.demands.shipped_engine else ""
        if found:
            raise FetchError(reasons.NOT_GGUF, f"{name}: {found}")


def require_context(facts: GGUFFacts, wanted: int | None) -> None:
    """Raises FetchError if the model was trained for fewer tokens than a slot is to have."""
    most = facts.context_length
    if wanted is not None and most is not None and wanted > most:
        raise FetchError(
            reasons.CONTEXT_LENGTH_TOO_LARGE,
            f"spec.contextLength is {wanted} and the model's maximum is {most} tokens per slot: "
            f"write {most} or less",
        )
