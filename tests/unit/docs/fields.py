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

Generated from `operator/llmstack/engines/llamacpp/fields.py` by `make pages`. A field that is not
listed is unknown: the gateway removes it from the body and lists it in the response header
`X-Llmstack-Dropped-Fields`, or rejects the request with 400 (`gateway.unknownFields=refuse` in the
chart, `LLMSTACK_UNKNOWN_FIELDS=refuse` elsewhere). A misspelled field, such as `maxTokens`, is
rejected with a message that has the correct name. `null` counts as unset.

Further limits: at most 200 fields, without duplicates; no `ignore_eos`, and no `false` in
`logit_bias`, together with a grammar, a schema or tools; no empty prompt if `n` is greater than 1;
links to images, audio and videos only to hosts in `spec.engine.mediaHosts`."""
_OWN = tuple(path for path in FIELDS if path not in SAME)
_SAFE = "any value; llama-server ignores it"


def fields() -> str:
    """The whole page."""
    return "\n".join([_HEAD, "", *_dangerous(), "", *_allowed(), ""])


def _dangerous() -> Iterator[str]:
    yield "## Rejected or removed, on every path"
    yield ""
    yield "| field | effect | reason |"
    yield "|---|---|---|"
    for name, judgement in sorted(DANGEROUS.items()):
        match judgement:
            case Neutral(why):
                yield f"| `{name}` | removed | {why} |"
            case Refused(why, harmless):
                values = ["`null`", *(f"`{value.decode()}`" for value in harmless)]
                yield f"| `{name}` | rejected; removed if {' or '.join(values)} | {why} |"


def _allowed() -> Iterator[str]:
    yield "## Allowed"
    yield ""
    yield "*Completions*: " + ", ".join(f"`{path}`" for path in _OWN if path in _COMPLETING)
    yield ""
    yield from (f"`{path}` accepts the fields of `{other}`." for path, other in SAME.items())
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
        rest = ["*completions*", *(f"`{p}`" for p in paths if p not in _COMPLETING)]
    return ", ".join(rest)
