"""Does a picture or sound that is small as it comes and huge once decoded reach a replica?"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.gateway.serving import FAST, MODEL, serving
from tests.unit.engines.llamacpp.test_pictures import jpeg, png
from tests.unit.engines.llamacpp.test_sounds import chunk, flac, fmt, wav

FACT = wav(fmt(2, bits=4), chunk(b"fact", b"\xff\xff\xff\xff"), chunk(b"data", b"\0\0"))
"""Seventy bytes that say they are three days of sound."""


def message(data: bytes, kind: str = "image/png") -> list[Any]:
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


HUGE = [
    ("a picture of 4 gigapixels", png(65_535, 65_535, b"")),
    ("a picture whose data expand to 100 MB", png(8, 8, bytes(100_000_000))),
    ("a JPEG that is gone over ten thousand times", jpeg(4000, 4000, 10_000, 0xC2)),
    ("days of sound", flac(2**36 - 1)),
    ("the same as a WAV", FACT),
]


@pytest.mark.parametrize("data", [row[1] for row in HUGE], ids=[row[0] for row in HUGE])
async def test_it_is_refused_and_the_field_is_named(tmp_path: Path, data: bytes) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(messages=message(data))

        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.json["error"]["param"] == "image_url"
        assert it.llamas[0].requests == 0


async def test_the_file_of_a_form_is_measured_too(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        form = aiohttp.FormData()
        form.add_field("model", MODEL)
        form.add_field("file", FACT, filename="a.wav")
        url = f"{it.gateway.url}/v1/audio/transcriptions"
        async with it.gateway.session.post(url, data=form) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["param"] == "file"
        assert it.llamas[0].requests == 0


async def test_what_people_send_goes_on_as_it_came(tmp_path: Path) -> None:
    photo = jpeg(4032, 3024) + bytes(3_000_000)
    async with serving(tmp_path, FAST) as it:
        for data in (photo, png(3840, 2160), wav(fmt(), chunk(b"data", bytes(1_000_000)))):
            sent = message(data)
            answer = await it.ask(messages=sent, max_tokens=1)
            assert answer.status == 200, answer.text
            assert it.llamas[0].last_fields["messages"] == sent


async def test_the_bound_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSTACK_IMAGE_PIXELS", "10000")
    async with serving(tmp_path, FAST) as it:
        small = await it.ask(messages=message(png(100, 100)), max_tokens=1)
        large = await it.ask(messages=message(png(100, 101)), max_tokens=1)

        assert (small.status, large.status) == (200, 400)
        assert "LLMSTACK_IMAGE_PIXELS" in large.json["error"]["message"]
