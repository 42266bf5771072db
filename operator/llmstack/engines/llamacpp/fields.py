"""Which fields does each endpoint accept, and which are rejected or removed on every path?

Based on the source of llama-server that this project builds. A contract test
(tests/integration/engines/) fails if a build reads a field that is not here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from llmstack.engines.llamacpp.checks import (
    ANY,
    Choice,
    Either,
    Flag,
    Of,
    Real,
    Text,
    Texts,
    Whole,
)
from llmstack.engines.llamacpp.judgements import Allowed, Judgement, Neutral, Refused
from llmstack.engines.llamacpp.values import (
    GRAMMAR,
    INPUT_EXTRA,
    LOGIT_BIAS,
    RESPONSE_FORMAT,
    SAMPLERS,
    SCHEMA,
    TEXT_FORMAT,
    TOKENS,
    TOOLS,
)
from llmstack.scan.outline import Kind

Fields = Mapping[str, Judgement]

_INT = 2**31 - 1
_DAY = 86_400
_INTERNAL = "llama-server sets it itself, from the model's chat template"

_DANGEROUS: Fields = {
    "n_cache_reuse": Refused(
        "it reuses cells of the KV cache that were computed in another request's context",
        (b"0",),
    ),
    "n_discard": Refused("llama-server has had memory-safety bugs in its context shift", (b"0",)),
    "id_slot": Neutral("the gateway chooses the replica, and the replica chooses the slot"),
    "backend_sampling": Neutral("the response does not depend on where tokens are sampled"),
    "lora": Refused(
        "requests with different adapters cannot share a batch, so others would wait", (b"[]",)
    ),
    "chat_parser": Refused(_INTERNAL),
    "chat_format": Refused(_INTERNAL),
    "chat_template": Refused("a chat template is a program, so only the deployment can set it"),
    "generation_prompt": Refused(_INTERNAL, (b'""',)),
    "grammar_lazy": Refused(_INTERNAL, (b"false",)),
    "grammar_triggers": Refused(_INTERNAL, (b"[]",)),
    "grammar_type": Refused(_INTERNAL, (b'""',)),
    "preserved_tokens": Refused(_INTERNAL, (b"[]",)),
    "parse_tool_calls": Refused(_INTERNAL, (b"false",)),
    "message_delimiters": Refused(_INTERNAL, (b"[]",)),
    "reasoning_budget_start_tag": Refused(_INTERNAL, (b'""',)),
    "reasoning_budget_end_tag": Refused(_INTERNAL, (b'""',)),
    "reasoning_budget_end_tags": Refused(_INTERNAL, (b"[]",)),
    **{
        f"speculative.{name}": Neutral("the deployment configures speculative decoding")
        for name in (
            "n_max",
            "n_min",
            "p_min",
            "type",
            "ngram_size_n",
            "ngram_size_m",
            "ngram_min_hits",
        )
    },
}

_MODEL: Fields = {
    "model": Allowed(Text(1000), "the name of the model"),
    "user": Allowed(ANY),
}
_OPENAI: Fields = {
    **_MODEL,
    "metadata": Allowed(ANY),
    "prompt_cache_key": Allowed(ANY),
    "prompt_cache_retention": Allowed(ANY),
    "prompt_cache_options": Allowed(ANY),
    "safety_identifier": Allowed(ANY),
    "service_tier": Allowed(ANY),
    "store": Allowed(ANY),
    "moderation": Allowed(ANY),
}
_LENGTH = Allowed(Whole(-1, _INT))
_STOP = Allowed(Texts(64, 1000, empty=False))
_COUNT = Allowed(Whole(1, 128))
_PENALTY = Allowed(Real(-100, 100))
_SHARE = Allowed(Real(-1000, 1000))

_SAMPLING: Fields = {
    "temperature": Allowed(Real(-100, 100, least_step=1e-10)),
    "dynatemp_range": Allowed(Real(-100, 100)),
    "dynatemp_exponent": Allowed(Real(0, 100)),
    "top_k": Allowed(Whole(-_INT, _INT)),
    "top_p": _SHARE,
    "min_p": _SHARE,
    "typical_p": _SHARE,
    "typ_p": _SHARE,
    "top_n_sigma": _SHARE,
    "xtc_probability": _SHARE,
    "xtc_threshold": _SHARE,
    "adaptive_target": _SHARE,
    "adaptive_decay": Allowed(Real(0, 0.99)),
    "mirostat": Allowed(Whole(0, 2)),
    "mirostat_tau": Allowed(Real(-100, 100)),
    "mirostat_eta": Allowed(Real(-100, 100)),
    "repeat_last_n": Allowed(Whole(0, 262_144)),
    "repeat_penalty": Allowed(Real(0.01, 100)),
    "frequency_penalty": _PENALTY,
    "presence_penalty": _PENALTY,
    "dry_multiplier": Allowed(Real(0, 100)),
    "dry_base": Allowed(Real(-100, 100)),
    "dry_allowed_length": Allowed(Whole(0, 262_144)),
    "dry_penalty_last_n": Allowed(Whole(0, 262_144)),
    # The server searches its whole vocabulary for each one, while all slots wait.
    "dry_sequence_breakers": Allowed(Texts(8, 40, alone=False)),
    "samplers": Allowed(SAMPLERS, "`infill` only after `top_k`, with a field `top_k` up to 100"),
    "seed": Allowed(Whole(-(2**63), 2**64 - 1)),
    "min_keep": Allowed(Whole(0, 10_000)),
    "logit_bias": Allowed(LOGIT_BIAS),
    "ignore_eos": Allowed(Flag(), "not together with a grammar, a schema or tools"),
}
_COMPLETION: Fields = {
    **_SAMPLING,
    "stream": Allowed(Flag()),
    "stream_options": Allowed(Of((Kind.OBJECT,), entries=20)),
    "stop": _STOP,
    "n": _COUNT,
    "n_cmpl": _COUNT,
    "n_predict": _LENGTH,
    "max_tokens": _LENGTH,
    "max_completion_tokens": _LENGTH,
    "n_indent": Allowed(Whole(0, 1000)),
    "n_keep": Allowed(Whole(-1, _INT)),
    "n_probs": Allowed(Whole(0, 100)),
    "logprobs": Allowed(Either((Flag(), Whole(0, 100)))),
    "top_logprobs": Allowed(Whole(0, 100)),
    "post_sampling_probs": Allowed(Flag()),
    "t_max_prompt_ms": Allowed(Whole(-1, 1000 * _DAY)),
    "t_max_predict_ms": Allowed(Whole(-1, 1000 * _DAY)),
    "cache_prompt": Allowed(Flag()),
    "return_tokens": Allowed(Flag()),
    "return_progress": Allowed(Flag()),
    "timings_per_token": Allowed(Flag()),
    "verbose": Allowed(Flag()),
    "sse_ping_interval": Allowed(Whole(-1, _DAY)),
    "response_fields": Allowed(Texts(64, 200, alone=False)),
    "grammar": Allowed(GRAMMAR),
    "json_schema": Allowed(SCHEMA),
    "echo": Allowed(Flag()),
    "reasoning_control": Allowed(Flag()),
    "reasoning_budget_tokens": _LENGTH,
    "thinking_budget_tokens": _LENGTH,
    "reasoning_budget_message": Allowed(Text(1000)),
    "reasoning_format": Allowed(Choice(("none", "auto", "deepseek", "deepseek-legacy"))),
}
_MOST_TURNS = 4096
"""Messages. The work of a template grows with their square: this many take about a second."""
_TURNS = Allowed(Of((Kind.ARRAY,), entries=_MOST_TURNS))
_KWARGS = Allowed(Of((Kind.OBJECT,), depth=10, entries=100, size=65_536))
_TEMPLATE: Fields = {
    "response_format": Allowed(RESPONSE_FORMAT),
    "tools": Allowed(TOOLS),
    "tool_choice": Allowed(Of((Kind.STRING, Kind.OBJECT), depth=10, size=65_536)),
    "parallel_tool_calls": Allowed(Flag()),
    "add_generation_prompt": Allowed(Flag()),
    "continue_final_message": Allowed(Either((Flag(), Text(100)))),
    "chat_template_kwargs": _KWARGS,
    "reasoning_effort": Allowed(Text(100)),
}
_CHAT: Fields = {
    **_OPENAI,
    **_COMPLETION,
    **_TEMPLATE,
    "messages": _TURNS,
    "audio": Allowed(ANY),
    "modalities": Allowed(ANY),
    "prediction": Allowed(ANY),
    "functions": Allowed(ANY),
    "function_call": Allowed(ANY),
    "verbosity": Allowed(ANY),
    "web_search_options": Allowed(ANY),
}
_PROMPT = Allowed(Of((Kind.STRING, Kind.ARRAY, Kind.OBJECT)))
_COMPLETIONS: Fields = {
    **_OPENAI,
    **_COMPLETION,
    "prompt": _PROMPT,
    "best_of": Allowed(ANY),
    "suffix": Allowed(ANY),
}
_RESPONSES: Fields = {
    **_OPENAI,
    **_COMPLETION,
    **_TEMPLATE,
    "input": Allowed(Of((Kind.STRING, Kind.ARRAY), entries=_MOST_TURNS)),
    "instructions": Allowed(Of((Kind.STRING, Kind.ARRAY))),
    "max_output_tokens": _LENGTH,
    "reasoning": Allowed(Of((Kind.OBJECT,), depth=10)),
    "text": Allowed(TEXT_FORMAT),
    **{
        name: Allowed(ANY)
        for name in (
            "background",
            "context_management",
            "conversation",
            "include",
            "max_tool_calls",
            "previous_response_id",
            "prompt",
            "truncation",
        )
    },
}
_MESSAGES: Fields = {
    **_MODEL,
    "messages": _TURNS,
    "system": Allowed(Of((Kind.STRING, Kind.ARRAY))),
    "max_tokens": _LENGTH,
    "stop_sequences": Allowed(Texts(64, 1000, alone=False, empty=False)),
    "stream": Allowed(Flag()),
    "temperature": _SAMPLING["temperature"],
    "top_p": _SAMPLING["top_p"],
    "top_k": _SAMPLING["top_k"],
    "tools": Allowed(TOOLS),
    "tool_choice": Allowed(Of((Kind.OBJECT,), depth=10, size=65_536)),
    "thinking": Allowed(Of((Kind.OBJECT,), depth=10, entries=20)),
    "metadata": Allowed(Of((Kind.OBJECT,), depth=10)),
    "chat_template_kwargs": _KWARGS,
    **{
        name: Allowed(ANY)
        for name in (
            "anthropic_beta",
            "anthropic_version",
            "betas",
            "cache_control",
            "container",
            "context_management",
            "inference_geo",
            "mcp_servers",
            "output_config",
            "output_format",
            "service_tier",
            "speed",
        )
    },
}
_INFILL: Fields = {
    **_MODEL,
    **_COMPLETION,
    "prompt": Allowed(Of((Kind.STRING,))),
    "input_prefix": Allowed(Of((Kind.STRING,))),
    "input_suffix": Allowed(Of((Kind.STRING,))),
    "input_extra": Allowed(INPUT_EXTRA),
}
_NOT_READ = Neutral("llama-server does not read it on this path")
_TRANSCRIPTIONS: Fields = {
    "model": _MODEL["model"],
    "prompt": Allowed(Text(65_536)),
    "language": Allowed(Text(100)),
    "response_format": Allowed(Choice(("json",))),
    "stream": Allowed(Flag()),
    "temperature": _SAMPLING["temperature"],
    "max_tokens": Allowed(Whole(1, _INT)),
    **dict.fromkeys(
        (
            "chunking_strategy",
            "include[]",
            "known_speaker_names[]",
            "known_speaker_references[]",
            "timestamp_granularities[]",
            "user",
        ),
        _NOT_READ,
    ),
}
_INPUT = Allowed(Of((Kind.STRING, Kind.ARRAY, Kind.OBJECT)))
_EMBEDDINGS: Fields = {
    **_MODEL,
    "input": _INPUT,
    "content": _INPUT,
    "encoding_format": Allowed(Choice(("float", "base64"))),
    "embd_normalize": Allowed(Whole(-1, 100)),
    "dimensions": Allowed(ANY),
    "input_type": Allowed(ANY),
    "truncate": Allowed(ANY),
}
_DOCUMENTS = Allowed(Of((Kind.ARRAY,), depth=3))
_RERANK: Fields = {
    **_MODEL,
    "query": Allowed(Of((Kind.STRING,))),
    "documents": _DOCUMENTS,
    "texts": _DOCUMENTS,
    "top_n": Allowed(Whole(-_INT, _INT)),
    "return_text": Allowed(Flag()),
    **{
        name: Allowed(ANY)
        for name in (
            "max_chunks_per_doc",
            "max_tokens_per_doc",
            "rank_fields",
            "raw_scores",
            "return_documents",
            "truncate",
            "truncation_direction",
        )
    },
}
_TOKENIZE: Fields = {
    **_MODEL,
    "content": Allowed(Of((Kind.STRING, Kind.ARRAY), depth=1)),
    "add_special": Allowed(Flag()),
    "parse_special": Allowed(Flag()),
    "with_pieces": Allowed(Flag()),
}
_CONTROL: Fields = {
    **_MODEL,
    "id": Allowed(Text(200), "the ID of a running stream of the same tenant"),
    "action": Allowed(Text(100)),
}
_DETOKENIZE: Fields = {**_MODEL, "tokens": Allowed(TOKENS)}

_PATHS: Mapping[str, Fields] = {
    "/v1/chat/completions": _CHAT,
    "/v1/completions": _COMPLETIONS,
    "/v1/responses": _RESPONSES,
    "/v1/messages": _MESSAGES,
    "/completion": {**_MODEL, **_COMPLETION, "prompt": _PROMPT},
    "/infill": _INFILL,
    "/v1/audio/transcriptions": _TRANSCRIPTIONS,
    "/v1/embeddings": _EMBEDDINGS,
    "/v1/rerank": _RERANK,
    "/tokenize": _TOKENIZE,
    "/detokenize": _DETOKENIZE,
    "/apply-template": _CHAT,
    "/v1/chat/completions/control": _CONTROL,
}
SAME: Mapping[str, str] = {
    "/embeddings": "/v1/embeddings",
    "/v1/chat/completions/input_tokens": "/v1/chat/completions",
    "/v1/responses/input_tokens": "/v1/responses",
    "/v1/messages/count_tokens": "/v1/messages",
}
"""Paths that accept the fields of another path."""
_JUDGED = {path: MappingProxyType({**_DANGEROUS, **fields}) for path, fields in _PATHS.items()}
FIELDS: Mapping[str, Fields] = MappingProxyType(
    _JUDGED | {path: _JUDGED[other] for path, other in SAME.items()}
)
DANGEROUS = MappingProxyType(_DANGEROUS)
KNOWN = frozenset(name for fields in FIELDS.values() for name in fields)
"""Names on any path: a field that another path accepts is not a misspelling."""
