"""docs/fields.md: which fields does each endpoint take, with which values?"""

from collections.abc import Iterator

from llmstack.engines.llamacpp.checks import ANY
from llmstack.engines.llamacpp.fields import DANGEROUS, FIELDS, SAME
from llmstack.engines.llamacpp.judgements import Allowed, Neutral, Refused

_COMPLETING = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/completion",
        "/infill",
        "/apply-template",
    }
)
_HEAD = """# Fields of a request's body

Made from `operator/llmstack/engines/llamacpp/fields.py` by `make pages`. A field that is not here
is unknown: it is taken out of the body and named in the answer's header
`X-Llmstack-Dropped-Fields`, or refused with 400 (`gateway.unknownFields=refuse` in the chart,
`LLMSTACK_UNKNOWN_FIELDS=refuse` elsewhere). A name that is a slip of one that is here, such as
`maxTokens`, is refused with the right name. `null` means that the field is not there.

Beyond these: at most 200 fields, none twice; `ignore_eos`, and `false` in `logit_bias`, not
together with a grammar, a schema or tools; no empty prompt where `n` is above 1; links to images,
sounds and videos only to hosts of `spec.engine.mediaHosts`."""
_OWN = tuple(path for path in FIELDS if path not in SAME)
_SAFE = "any value; llama-server does not read it"


def fields() -> str:
    """The whole page."""
    return "\n".join([_HEAD, "", *_dangerous(), "", *_allowed(), ""])


def _dangerous() -> Iterator[str]:
    yield "## Refused or taken away, on every path"
    yield ""
    yield "| field | what happens | why |"
    yield "|---|---|---|"
    for name, judgement in sorted(DANGEROUS.items()):
        match judgement:
            case Neutral(why):
                yield f"| `{name}` | taken away | {why} |"
            case Refused(why, harmless):
                values = ["`null`", *(f"`{value.decode()}`" for value in harmless)]
                yield f"| `{name}` | refused; taken away if {' or '.join(values)} | {why} |"


def _allowed() -> Iterator[str]:
    yield "## Allowed"
    yield ""
    yield "*All that complete*: " + ", ".join(f"`{path}`" for path in _OWN if path in _COMPLETING)
    yield ""
    yield from (f"`{path}` takes the fields of `{other}`." for path, other in SAME.items())
    yield ""
    yield "| field | value | where |"
    yield "|---|---|---|"
    for (name, says), paths in sorted(_places().items()):
        yield f"| `{name}` | {says.replace('|', chr(92) + '|')} | {_where(paths)} |"


def _places() -> dict[tuple[str, str], list[str]]:
    """The paths of each field, by its name and its values."""
    places: dict[tuple[str, str], list[str]] = {}
    for path in _OWN:
        for name, judgement in FIELDS[path].items():
            if isinstance(judgement, Allowed):
                says = _SAFE if judgement.check is ANY else judgement.check.says
                said = f"{says}; {judgement.said}" if judgement.said else says
                places.setdefault((name, said), []).append(path)
    return places


def _where(paths: list[str]) -> str:
    if set(paths) == set(_OWN):
        return "everywhere"
    rest = [f"`{path}`" for path in paths]
    if set(paths) >= _COMPLETING:
        rest = ["*all that complete*", *(f"`{p}`" for p in paths if p not in _COMPLETING)]
    return ", ".join(rest)
