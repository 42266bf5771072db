"""Is sound that comes as a form transcribed, and what of the form reaches a replica?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from tests.integration.gateway.serving import FAST, MODEL, Answered, Serving, _read, serving

PATH = "/v1/audio/transcriptions"
SOUND = b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00\x02"
SOUND += b"\x00\x10\x00data\x00\x08\x00\x00" + bytes(2048)


async def send(it: Serving, path: str = PATH, **fields: str) -> Answered:
    form = aiohttp.FormData()
    for name, text in {"model": MODEL, **fields}.items():
        form.add_field(name, text)
    form.add_field("file", SOUND, filename="a.wav", content_type="audio/wav")
    async with it.gateway.session.post(it.gateway.url + path, data=form) as answer:
        return await _read(answer)


@pytest.mark.parametrize(
    "path", [PATH, "/audio/transcriptions", f"/openai/deployments/{MODEL}/audio/transcriptions"]
)
async def test_a_form_is_served_and_counted(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await send(it, path, prompt="one two", max_tokens="3")

        assert (answer.status, answer.json["type"]) == (200, "transcript.text.done")
        line = await it.gateway.logged(logger="access", status=200)
        assert line["completion_tokens"] == 3
        assert line["bytes_in"] > len(SOUND)


async def test_a_stream_is_one(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await send(it, stream="true", max_tokens="3")

        kinds = [event["type"] for event in answer.events if event != "[DONE]"]
        assert kinds == ["transcript.text.delta"] * 3 + ["transcript.text.done"]


async def test_openais_client_is_served(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, FAST) as it,
        openai.AsyncOpenAI(base_url=f"{it.gateway.url}/v1", api_key="none") as client,
    ):
        said = await client.audio.transcriptions.create(
            model=MODEL, file=("a.wav", SOUND), language="en", timestamp_granularities=["word"]
        )

        assert said.text
        assert it.llamas[0].last_fields == {"model": MODEL, "language": "en"}


REFUSED = [
    ({"n_cache_reuse": "256"}, "n_cache_reuse"),
    ({"grammar": 'root ::= "a"', "grammar_triggers": "[]"}, "grammar_triggers"),
    ({"temperature": "nan"}, "temperature"),
    ({"max_tokens": "99999999999999999999"}, "max_tokens"),
    ({"max_tokens": "-1"}, "max_tokens"),
    ({"stream": "maybe"}, "stream"),
    ({"response_format": "srt"}, "response_format"),
    ({"temprature": "1"}, "temprature"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED, ids=[row[1] for row in REFUSED])
async def test_its_fields_are_judged_as_those_of_any_body(
    tmp_path: Path, fields: dict[str, str], param: str
) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await send(it, **fields)

        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.json["error"]["param"] == param
        assert it.llamas[0].requests == 0


async def test_an_unknown_field_is_dropped_and_named(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await send(it, samplers_of_mine="a", n_probs="100", max_tokens="1")

        assert answer.headers["x-llmstack-dropped-fields"] == "samplers_of_mine, n_probs"
        assert set(it.llamas[0].last_fields) == {"model", "max_tokens"}


async def test_what_is_no_form_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        url, kind = it.gateway.url + PATH, {"Content-Type": "multipart/form-data; boundary=b"}
        sent: list[tuple[dict[str, Any], int]] = [
            ({"json": {"model": MODEL}}, 415),
            ({"data": b"--b--", "headers": kind | {"Content-Encoding": "gzip"}}, 415),
            ({"data": b"--b--\r\n", "headers": kind}, 400),
            ({"data": b"--c--\r\n", "headers": kind}, 400),
        ]
        for arguments, status in sent:
            async with it.gateway.session.post(url, **arguments) as answer:
                assert answer.status == status, await answer.text()
                assert set((await answer.json())["error"]) == {"message", "type", "param", "code"}
        assert it.llamas[0].requests == 0


async def test_a_large_file_in_small_pieces_is_served(tmp_path: Path) -> None:
    async def pieces() -> Any:
        head = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n'
        yield head % (b"model", b"") + MODEL.encode() + b"\r\n"
        yield head % (b"file", b'; filename="a"') + SOUND
        for _ in range(2000):
            yield bytes(4096)
        yield b"\r\n--b--\r\n"

    async with serving(tmp_path, FAST) as it:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        url = it.gateway.url + PATH
        async with it.gateway.session.post(url, data=pieces(), headers=kind) as answer:
            assert answer.status == 200, await answer.text()
        assert (await it.gateway.logged(path=PATH))["bytes_in"] > 2000 * 4096
