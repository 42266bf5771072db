"""May this body reach a llama-server, and what has to go from it first?

    body's outline ─ each member: allowed, neutral, refused, unknown ─> edits (rewrite.py)
                   ─ members that are dangerous together
                   ─ links in what is nested (media.py), and what tools were called with

A check reads the value of its member only. Of a small body, which was parsed to be read at all,
most members are told to be harmless without (plain.py); the others are checked like those of any
body.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from llmstack.engines.llamacpp.arguments import check_arguments
from llmstack.engines.llamacpp.checks import Body
from llmstack.engines.llamacpp.checks import Judged as ReadWhole
from llmstack.engines.llamacpp.fields import FIELDS, KNOWN, Fields
from llmstack.engines.llamacpp.judgements import Allowed, Neutral
from llmstack.engines.llamacpp.media import Inline, check_media
from llmstack.engines.llamacpp.names import meant
from llmstack.engines.llamacpp.plain import Plain, plain
from llmstack.engines.llamacpp.together import check_together
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind, Outline

MOST_MEMBERS = 200
"""All endpoints together know fewer fields."""
_MOST_NAMED = 10
"""Unknown fields that are looked at for a slip, and told of."""


class Policy(NamedTuple):
    """What a deployment allows. `hosts`: where its replicas may fetch media from."""

    drop_unknown: bool = True
    hosts: frozenset[str] = frozenset()


class Judged(NamedTuple):
    """What has to change in the body, the unknown fields among that, and what to measure still."""

    edits: Mapping[str, None]
    unknown: tuple[str, ...] = ()
    contents: tuple[Inline, ...] = ()


def judge(path: str, body: Body, outline: Outline, policy: Policy) -> Judged:
    """What of this body may go on. Raises Unfit."""
    fields = FIELDS[path]
    if len(outline.members) > MOST_MEMBERS:
        raise Unfit(f"The body may have at most {MOST_MEMBERS} fields.")
    members, parsed = outline.members, outline.parsed
    odd: Iterable[str] = members if parsed is None else _odd(path, body, outline, parsed)
    edits: dict[str, None] = {}
    unknown: list[str] = []
    for name in odd:
        judgement, span = fields.get(name), members[name]
        if isinstance(judgement, Allowed):
            if span.kind is not Kind.NULL or name in _NEVER_NULL:
                complaint = judgement.check(body, span)
                if complaint is not None:
                    raise Unfit(f"'{name}' {complaint}.", name)
        elif judgement is None:
            edits[name] = None
            unknown.append(name)
        elif (
            isinstance(judgement, Neutral)
            or span.kind is Kind.NULL
            or body[span.start : span.end] in judgement.harmless
        ):
            edits[name] = None
        else:
            raise Unfit(f"The field '{name}' is not allowed: {judgement.why}.", name)
    if unknown:
        _check_unknown(path, unknown, fields, policy)
    check_together(body, outline)
    contents: tuple[Inline, ...] = ()
    if outline.nested:
        check_arguments(body, outline)
        contents = check_media(body, outline, policy.hosts)
    return Judged(edits, tuple(unknown), contents) if edits or contents else _UNCHANGED


_NEVER_NULL = frozenset({"messages", "prompt", "input", "query", "documents", "tokens"})


def _plain_of(fields: Fields) -> Mapping[str, Plain]:
    return {
        name: plain(judgement.check)
        for name, judgement in fields.items()
        if isinstance(judgement, Allowed)
    }


_PLAIN = {path: _plain_of(fields) for path, fields in FIELDS.items()}
_UNCHANGED = Judged({})


def _odd(path: str, body: Body, outline: Outline, parsed: Mapping[str, Any]) -> list[str]:
    """The members that are not plainly allowed as they are."""
    fields, size, brackets = _PLAIN[path], len(body), outline.brackets
    odd = []
    for name, value in parsed.items():
        is_plain = fields.get(name)
        if is_plain is not None:
            if value is None:
                if name not in _NEVER_NULL:
                    continue
            elif is_plain(value, size, brackets):
                continue
        if not _is_known(path, body, outline, name):
            odd.append(name)
    return odd


def _is_known(path: str, body: Body, outline: Outline, name: str) -> bool:
    """Whether these very bytes have passed the same check before."""
    judgement = FIELDS[path].get(name)
    if not isinstance(judgement, Allowed) or not isinstance(judgement.check, ReadWhole):
        return False
    start, end = outline.place(name) or (0, 0)
    return judgement.check.knows(body[start:end])


def _check_unknown(path: str, names: list[str], fields: Fields, policy: Policy) -> None:
    """Raises Unfit for slips of the pen always, and for all others if the policy says so."""
    for name in names[:_MOST_NAMED]:
        right = meant(name, fields) if name not in KNOWN else None
        if right is not None:
            raise Unfit(f"Unknown field '{name[:100]}': did you mean '{right}'?", name)
    if not policy.drop_unknown:
        raise Unfit(f"Unknown field '{names[0][:100]}': {path} does not take it.", names[0])
