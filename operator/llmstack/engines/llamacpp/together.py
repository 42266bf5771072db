"""Which fields are harmless alone and dangerous together?

a grammar, a schema or tools, and no token left to go on with   llama-server ends every request
                                                                of the replica
several completions, and a prompt without a token               is never answered
the sampler `infill`, and many tokens left to it                stops the server for minutes
"""

from collections.abc import Mapping
from typing import Any

from llmstack.engines.llamacpp.checks import Body, value_of
from llmstack.engines.llamacpp.samplers import check_infill, samplers_of
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind, Outline, Span

Members = Mapping[str, Span]
_SHORT = 4096


def check_together(body: Body, outline: Outline) -> None:
    """Raises Unfit. Reads prompts only if several completions are asked for."""
    present = outline.members if outline.parsed is None else outline.parsed
    if _MEANT.isdisjoint(present):
        return
    for names, check in _CHECKS:
        if not names.isdisjoint(present):
            check(body, outline)


def _check_samplers(body: Body, outline: Outline) -> None:
    samplers, top_k = outline.members["samplers"], outline.members.get("top_k")
    if samplers.kind in (Kind.STRING, Kind.ARRAY):
        named = samplers_of(value_of(body, samplers))
        check_infill(named, value_of(body, top_k) if top_k is not None else None)


def _check_dead_ends(body: Body, outline: Outline) -> None:
    members = outline.members
    constrained = _constrained(body, members)
    if constrained is None:
        return
    ends = members.get("ignore_eos")
    if ends is not None and _text(body, ends) == b"true":
        raise Unfit(
            f"'ignore_eos' cannot be used together with '{constrained}': no token may follow its "
            "end.",
            "ignore_eos",
        )
    biases = members.get("logit_bias")
    if biases is not None and b"false" in body[biases.start : biases.end]:
        raise Unfit(
            f"'logit_bias' cannot ban tokens (false) together with '{constrained}': it might leave "
            "none. Use -100 instead.",
            "logit_bias",
        )


def _constrained(body: Body, members: Members) -> str | None:
    """The field that restricts which token may come next."""
    for name in ("grammar", "json_schema", "response_format", "tools"):
        span = members.get(name)
        if span is None or span.kind is Kind.NULL or _text(body, span) in (b'""', b"[]"):
            continue
        if name == "response_format" and value_of(body, span).get("type") == "text":
            continue
        return name
    return None


def _check_empty_prompts(body: Body, outline: Outline) -> None:
    if not any(_is_above_one(body, outline, name) for name in _COUNTS):
        return
    members = outline.members
    prompt = members.get("prompt")
    if prompt is not None and _has_empty(value_of(body, prompt)):
        raise Unfit("'prompt' must not be empty where several completions are asked for.", "prompt")
    messages = members.get("messages")
    if messages is not None and not messages.entries:
        raise Unfit(
            "'messages' must not be empty where several completions are asked for.", "messages"
        )
    generation = members.get("add_generation_prompt")
    if messages is not None and generation is not None and _text(body, generation) == b"false":
        raise Unfit(
            "'add_generation_prompt' must be true where several completions are asked for: without "
            "it the prompt may be empty.",
            "add_generation_prompt",
        )


def _has_empty(prompt: Any) -> bool:
    """Whether the prompt, or one of several, has no text and no token."""
    if isinstance(prompt, dict):
        return _has_empty(prompt.get("prompt_string"))
    if isinstance(prompt, list):
        if any(type(entry) in (int, float) for entry in prompt):
            return False
        return not prompt or any(map(_has_empty, prompt))
    return not prompt


def _is_above_one(body: Body, outline: Outline, name: str) -> bool:
    value: Any = None
    if outline.parsed is not None:
        value = outline.parsed.get(name)
    elif (span := outline.members.get(name)) is not None and span.kind is Kind.NUMBER:
        value = value_of(body, span)
    return type(value) in (int, float) and value > 1


def _text(body: Body, span: Span) -> Body:
    return body[span.start : min(span.end, span.start + _SHORT)]


_COUNTS = ("n", "n_cmpl")
_CHECKS = (
    (frozenset({"ignore_eos", "logit_bias"}), _check_dead_ends),
    (frozenset(_COUNTS), _check_empty_prompts),
    (frozenset({"samplers"}), _check_samplers),
)
"""Each is made where one of its names is present."""
_MEANT = frozenset(name for names, _ in _CHECKS for name in names)
