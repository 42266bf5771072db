"""What do the official clients make of a server? Each conversation gives what can be compared.

Texts are the same for the same seed and temperature 0, as long as nothing of a prompt is taken
from a slot's cache (what is computed in other batches is rounded otherwise).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import openai

ALIKE: Final[dict[str, Any]] = {"cache_prompt": False, "seed": 1, "temperature": 0}
ASKED: Final[Any] = [{"role": "user", "content": "Say hi."}]
TOKENS: Final = 8
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"yes": {"type": "boolean"}},
    "required": ["yes"],
    "additionalProperties": False,
}
TOOL: Final[Any] = {
    "type": "function",
    "function": {"name": "answer", "description": "Answers.", "parameters": SCHEMA},
}
# A small model calls a tool if it has seen it done: a conversation so far, in the words of either.
CALLED: Final[Any] = [
    {"role": "user", "content": "Is it?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call1",
                "type": "function",
                "function": {"name": "answer", "arguments": '{"yes": true}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call1", "content": "ok"},
    {"role": "user", "content": "Is it?"},
]
USED: Final[Any] = [
    {"role": "user", "content": "Is it?"},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "call1", "name": "answer", "input": {"yes": True}}],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call1", "content": "ok"},
            {"type": "text", "text": "Is it?"},
        ],
    },
]


@dataclass(frozen=True)
class Endpoint:
    """A server or gateway, and the model to name."""

    url: str
    key: str
    model: str = "sample"

    def openai(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    def anthropic(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self.url, api_key=self.key, max_retries=0)

    def chat(self, **more: Any) -> dict[str, Any]:
        """The words of a chat request."""
        given = {"model": self.model, "messages": ASKED, "max_tokens": TOKENS}
        return given | {"extra_body": ALIKE} | more


async def chat(end: Endpoint) -> Any:
    async with end.openai() as client:
        answer = await client.chat.completions.create(**end.chat())
    choice, usage = answer.choices[0], answer.usage
    assert choice.message.content
    assert usage and usage.completion_tokens == TOKENS
    return choice.message.content, choice.finish_reason, usage.model_dump()


async def chat_streamed(end: Endpoint) -> Any:
    asked = end.chat(stream=True, stream_options={"include_usage": True})
    async with end.openai() as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked)]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    usage = chunks[-1].usage
    assert usage and usage.completion_tokens == TOKENS
    return text, [len(chunk.choices) for chunk in chunks], usage.model_dump()


async def two_answers(end: Endpoint) -> Any:
    async with end.openai() as client:
        answer = await client.chat.completions.create(**end.chat(n=2))
    assert [choice.index for choice in answer.choices] == [0, 1]
    return [choice.message.content for choice in answer.choices]


async def tool(end: Endpoint) -> Any:
    asked = end.chat(messages=CALLED, tools=[TOOL], tool_choice="required", max_tokens=60)
    async with end.openai() as client:
        answer = await client.chat.completions.create(**asked)
    (call,) = answer.choices[0].message.tool_calls or [None]
    assert call and call.type == "function"
    assert call.function.name == "answer"
    assert json.loads(call.function.arguments).keys() == {"yes"}
    return call.function.model_dump(), answer.choices[0].finish_reason


async def tool_streamed(end: Endpoint) -> Any:
    asked = end.chat(messages=CALLED, tools=[TOOL], tool_choice="required", max_tokens=60)
    asked["stream"] = True
    async with end.openai() as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked)]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    calls = [call.function for delta in deltas for call in delta.tool_calls or () if call.function]
    assert calls[0].name == "answer"
    arguments = "".join(call.arguments or "" for call in calls)
    assert json.loads(arguments).keys() == {"yes"}
    return arguments, len(chunks)


async def json_schema(end: Endpoint) -> Any:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    async with end.openai() as client:
        answer = await client.chat.completions.create(
            **end.chat(response_format=wanted, max_tokens=30)
        )
    value = json.loads(answer.choices[0].message.content or "")
    assert isinstance(value["yes"], bool)
    return value


async def completion(end: Endpoint) -> Any:
    asked: Any = {"model": end.model, "prompt": "One two", "max_tokens": TOKENS}
    async with end.openai() as client:
        answer = await client.completions.create(**asked, extra_body=ALIKE)
        stream = await client.completions.create(**asked, extra_body=ALIKE, stream=True)
        text = "".join([chunk.choices[0].text async for chunk in stream])
    assert text == answer.choices[0].text
    return text, answer.usage and answer.usage.model_dump()


async def response(end: Endpoint) -> Any:
    asked: Any = {"model": end.model, "input": "Say hi.", "max_output_tokens": TOKENS}
    async with end.openai() as client:
        answer = await client.responses.create(**asked, extra_body=ALIKE)
    assert answer.status == "completed"
    assert answer.output_text
    return answer.output_text, answer.usage and answer.usage.output_tokens


async def response_streamed(end: Endpoint) -> Any:
    asked: Any = {"model": end.model, "input": "Say hi.", "max_output_tokens": TOKENS}
    async with end.openai() as client:
        stream = await client.responses.create(**asked, extra_body=ALIKE, stream=True)
        events = [event async for event in stream]
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text
    return text, [event.type for event in events]


async def message(end: Endpoint) -> Any:
    asked: Any = {"model": end.model, "messages": ASKED, "max_tokens": TOKENS}
    async with end.anthropic() as client:
        answer = await client.messages.create(**asked, extra_body=ALIKE)
    (block,) = answer.content
    assert block.type == "text"
    assert answer.usage.output_tokens == TOKENS
    return block.text, answer.stop_reason, answer.usage.input_tokens


async def message_streamed(end: Endpoint) -> Any:
    asked: Any = {"model": end.model, "messages": ASKED, "max_tokens": TOKENS}
    async with end.anthropic() as client:
        stream = await client.messages.create(**asked, extra_body=ALIKE, stream=True)
        events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    return kinds, [
        event.delta.model_dump() for event in events if "delta" in event.model_fields_set
    ]


async def message_tool(end: Endpoint) -> Any:
    offered: Any = {"name": "answer", "description": "Answers.", "input_schema": SCHEMA}
    asked: Any = {"model": end.model, "messages": USED, "max_tokens": 60}
    async with end.anthropic() as client:
        answer = await client.messages.create(
            **asked, tools=[offered], tool_choice={"type": "any"}, extra_body=ALIKE
        )
    used = answer.content[-1]
    assert used.type == "tool_use"
    assert used.name == "answer"
    assert answer.stop_reason == "tool_use"
    return used.input


async def too_long(end: Endpoint) -> Any:
    asked = end.chat(messages=[{"role": "user", "content": "a " * 1500}])
    async with end.openai() as client:
        try:
            await client.chat.completions.create(**asked)
        except openai.BadRequestError as refused:
            return refused.status_code, refused.type
    raise AssertionError("it was taken")


async def embeddings(end: Endpoint) -> Any:
    async with end.openai() as client:
        one = await client.embeddings.create(model=end.model, input="Hi")
        several = await client.embeddings.create(model=end.model, input=["Hi", "Ho", "Ha"])
        plain = await client.embeddings.create(model=end.model, input="Hi", encoding_format="float")
    assert len(several.data) == 3
    assert len(one.data[0].embedding) == len(plain.data[0].embedding) > 100
    return [len(entry.embedding) for entry in several.data], several.usage.model_dump()


async def reranking(end: Endpoint) -> Any:
    """No official client has it; the words are Jina's and Cohere's."""
    body = {"model": end.model, "query": "a", "documents": ["a", "b", "c"], "top_n": 2}
    async with end.openai() as client:
        answer: Any = await client.post("/rerank", body=body, cast_to=object)
    assert len(answer["results"]) == 2
    return answer["results"]


Conversation = Callable[[Endpoint], Awaitable[Any]]
GENERATING: Final[tuple[Conversation, ...]] = (
    chat,
    chat_streamed,
    two_answers,
    tool,
    tool_streamed,
    json_schema,
    completion,
    response,
    response_streamed,
    message,
    message_streamed,
    message_tool,
    too_long,
)
