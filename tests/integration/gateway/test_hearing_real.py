"""Does a real llama-server with ears take what the gateway makes of a form, and of sound in a chat?

The ears are random (tests/support/llama/hearing_model.py): what they hear means nothing, but it is
decoded, encoded and counted as sound.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio

from llmstack.engines.llamacpp.content import Plain
from llmstack.engines.llamacpp.pictures import picture_size
from llmstack.engines.llamacpp.sounds import sound_seconds
from tests.integration.gateway.real import in_front_of
from tests.support.gateway import Gateway
from tests.support.llama.hearing_model import hearing
from tests.support.llama.real import RealLlama
from tests.support.llama.source import llama_cpp_source
from tests.unit.engines.llamacpp.test_sounds import chunk, fmt, wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTH = 576
"""Of the sample model's embeddings."""
SECOND = struct.pack("<16000h", *(number * 50 % 20_000 - 10_000 for number in range(16_000)))
SOUND = wav(fmt(), chunk(b"data", SECOND))
PATH = "/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    directory = tmp_path_factory.mktemp("hearing")
    ears = hearing(directory / "ears.gguf", WIDTH)
    with RealLlama.running(directory, extra=("--mmproj", str(ears))) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    server: RealLlama, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    async with in_front_of({"generate": server}, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def form(**fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, text in {"model": "generate", "temperature": "0", **fields}.items():
        made.add_field(name, text)
    made.add_field("file", SOUND, filename="a.wav", content_type="audio/wav")
    return made


async def told(url: str, key: str, **fields: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url + PATH, data=form(**fields)) as answer,
    ):
        assert answer.status == 200, await answer.text()
        said: dict[str, Any] = await answer.json()
        return said


async def test_a_form_is_transcribed_as_by_llama_server(
    server: RealLlama, gateway: Gateway
) -> None:
    fields = {"prompt": "Write down", "max_tokens": "5", "language": "en"}
    direct = await told(server.url, server.key, **fields)
    through = await told(gateway.url, "none", **fields)

    assert through["text"] == direct["text"]
    assert through["usage"]["output_tokens"] == direct["usage"]["output_tokens"] == 5
    assert through["usage"]["input_tokens"] == direct["usage"]["input_tokens"]
    line = await gateway.logged(logger="access", path=PATH)
    assert line["completion_tokens"] == 5
    assert line["prompt_tokens"] == through["usage"]["input_tokens"]


async def test_openais_client_streams_a_transcription(gateway: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none") as client:
        stream = await client.audio.transcriptions.create(
            model="generate", file=("a.wav", SOUND), stream=True, extra_body={"max_tokens": 4}
        )
        events = [event.type async for event in stream]

    assert events[-1] == "transcript.text.done"
    assert set(events[:-1]) == {"transcript.text.delta"}


async def test_sound_in_a_chat_is_heard(gateway: Gateway) -> None:
    sound = {"data": base64.b64encode(SOUND).decode(), "format": "wav"}
    content = [{"type": "text", "text": "Hi"}, {"type": "input_audio", "input_audio": sound}]
    body = {"model": "generate", "messages": [{"role": "user", "content": content}]}
    async with gateway.session.post(
        f"{gateway.url}/v1/chat/completions", json=body | {"max_tokens": 2}
    ) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["usage"]["prompt_tokens"] > 60


async def test_a_real_mp3_is_measured_and_heard(gateway: Gateway) -> None:
    recorded = (llama_cpp_source() / "tools" / "mtmd" / "test-2.mp3").read_bytes()
    seconds = sound_seconds(Plain(recorded, 0, len(recorded)), 60)
    made = aiohttp.FormData()
    made.add_field("model", "generate")
    made.add_field("max_tokens", "1")
    made.add_field("file", recorded, filename="a.mp3", content_type="audio/mpeg")

    async with gateway.session.post(gateway.url + PATH, data=made) as answer:
        assert answer.status == 200, await answer.text()
        # Each 30 s that have begun are 375 tokens here.
        assert 375 < (await answer.json())["usage"]["input_tokens"] < 2 * 375
    assert seconds == pytest.approx(17.5, abs=0.1)


async def test_a_real_picture_is_measured() -> None:
    picture = (llama_cpp_source() / "tools" / "mtmd" / "test-1.jpeg").read_bytes()

    assert picture_size(Plain(picture, 0, len(picture))) == (640, 488)
