"""May this body reach a llama-server, and what has to go from it first?

    body's outline ─ each member: allowed, neutral, refused, unknown ─> edits (rewrite.py)
                   ─ members that are dangerous together
                   ─ links in what is nested (media.py)

A check reads the value of its member only; messages and prompts are never parsed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from llmstack.engines.llamacpp.checks import Body
from llmstack.engines.llamacpp.fields import FIELDS, KNOWN, Fields
from llmstack.engines.llamacpp.judgements import Allowed, Neutral
from llmstack.engines.llamacpp.media import check_media
from llmstack.engines.llamacpp.names import meant
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
    """What has to change in the body, and the unknown fields among that."""

    edits: Mapping[str, None]
    unknown: tuple[str, ...] = ()


def judge(path: str, body: Body, outline: Outline, policy: Policy) -> Judged:
    """What of this body may go on. Raises Unfit."""
    fields = FIELDS[path]
    if len(outline.members) > MOST_MEMBERS:
        raise Unfit(f"The body may have at most {MOST_MEMBERS} fields.")
    edits: dict[str, None] = {}
    unknown: list[str] = []
    members = outline.members
    for name in members:
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
    check_together(body, outline.members)
    check_media(body, outline, policy.hosts)
    return Judged(edits, tuple(unknown))


_NEVER_NULL = frozenset({"messages", "prompt", "input", "query", "documents", "tokens"})


def _check_unknown(path: str, names: list[str], fields: Fields, policy: Policy) -> None:
    """Raises Unfit for slips of the pen always, and for all others if the policy says so."""
    for name in names[:_MOST_NAMED]:
        right = meant(name, fields) if name not in KNOWN else None
        if right is not None:
            raise Unfit(f"Unknown field '{name[:100]}': did you mean '{right}'?", name)
    if not policy.drop_unknown:
        raise Unfit(f"Unknown field '{names[0][:100]}': {path} does not take it.", names[0])
