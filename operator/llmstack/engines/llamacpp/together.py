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
_BANS = ("ignore_eos", "logit_bias")
_COUNTS = ("n", "n_cmpl")
_MEANT = frozenset({*_BANS, *_COUNTS})


def check_together(body: Body, outline: Outline) -> None:
    """Raises Unfit. Reads prompts only if several completions are asked for."""
    members, parsed = outline.members, outline.parsed
    if _MEANT.isdisjoint(members if parsed is None else parsed):
        return
    if any(name in members for name in _BANS):
        _check_dead_ends(body, members)
    if parsed is None:
        several = any(_above_one(body, members.get(name)) for name in _COUNTS)
    else:
        several = any(_is_above_one(parsed.get(name)) for name in _COUNTS)
    if several:
        _check_empty_prompts(body, members)
    if "samplers" in members:
        _check_samplers(body, members)


def _check_samplers(body: Body, members: Members) -> None:
    samplers, top_k = members["samplers"], members.get("top_k")
    if samplers.kind in (Kind.STRING, Kind.ARRAY):
        named = samplers_of(value_of(body, samplers))
        check_infill(named, value_of(body, top_k) if top_k is not None else None)


def _check_dead_ends(body: Body, members: Members) -> None:
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


def _check_empty_prompts(body: Body, members: Members) -> None:
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


def _above_one(body: Body, span: Span | None) -> bool:
    return span is not None and span.kind is Kind.NUMBER and _is_above_one(value_of(body, span))


def _is_above_one(value: Any) -> bool:
    return type(value) in (int, float) and value > 1


def _text(body: Body, span: Span) -> Body:
    return body[span.start : min(span.end, span.start + _SHORT)]
