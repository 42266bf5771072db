"""Does the build read a field of a body that nobody has judged?

A new version of llama.cpp that fails here needs a judgement in `engines/llamacpp/fields.py` for
each name: what does the server do with it, at what cost, to whom?
"""

from typing import Final

import pytest

from llmstack.engines.llamacpp.fields import FIELDS
from llmstack.engines.llamacpp.media import WATCHED
from tests.e2e.images.source import llama_server_source
from tests.support.llama.body_fields import Read, fields_read

WITHIN: Final = frozenset(
    {
        # Messages: text, and what messages of tools refer to.
        *("role", "content", "reasoning_content", "type", "text", "refusal", "name", "status"),
        *("tool_calls", "function", "arguments", "index", "id", "tool_call_id", "function_call"),
        # Parts of /v1/responses and /v1/messages that become messages.
        *("input", "output", "call_id", "summary", "thinking", "tool_use_id", "media_type"),
        # Media: engines/llamacpp/media.py.
        *("image_url", "input_audio", "source", "url", "data"),
        # What is sent as base64, and the prompt beside it.
        *("multimodal_data", "prompt_string"),
        # Tools and schemas: engines/llamacpp/schema.py.
        *("parameters", "input_schema", "description", "strict", "schema", "json_schema"),
        # Other objects with a bound in engines/llamacpp/fields.py.
        *("include_usage", "budget_tokens", "user_id", "effort", "scale", "filename"),
        # chat_template_kwargs.
        *("preserve_reasoning", "reasoning_effort"),
        # Inside of fields that are refused: grammar_triggers, message_delimiters, chat_parser.
        *("value", "token", "delimiter"),
        # Of the server's own objects: answers, files, capabilities of a template.
        *("event", "choices", "embedding", "tokens_evaluated", "score", "code", "stop", "file"),
        *("supports_parallel_tool_calls", "supports_preserve_reasoning", "dsml_token", "DSML"),
        *("function_calls",),
    }
)
"""Read from something within a body: what it is, and where it is judged."""


@pytest.fixture(scope="module")
def found() -> set[Read]:
    return fields_read(llama_server_source())


def test_every_field_that_is_read_from_a_body_is_judged(found: set[Read]) -> None:
    judged = {name for fields in FIELDS.values() for name in fields}

    assert {read.name for read in found if read.whole} - judged == set()


def test_every_field_within_is_judged(found: set[Read]) -> None:
    assert {read.name for read in found if not read.whole} - WITHIN == set()


def test_the_search_finds_the_names_that_matter(found: set[Read]) -> None:
    """Else a source that is written in another way would pass as one that reads nothing."""
    whole = {read.name for read in found if read.whole}
    within = {read.name for read in found if not read.whole}

    assert {"n_cache_reuse", "id_slot", "chat_parser", "grammar_triggers", "lora"} <= whole
    assert {"n_predict", "max_tokens", "max_completion_tokens", "n", "logprobs"} <= whole
    assert {"messages", "thinking_budget_tokens", "stop_sequences", "max_output_tokens"} <= whole
    assert {"best_of", "top_k", "input_extra", "texts", "embd_normalize", "tokens"} <= whole
    assert {"image_url", "input_audio", "url", "multimodal_data", "include_usage"} <= within
    assert within >= WATCHED - {"input_video", "video_url"}
    assert len(whole) > 100
