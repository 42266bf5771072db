"""Is what a body holds small enough once it is decoded, wherever it stands, however spelt?"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.content import Base64
from llmstack.engines.llamacpp.measured import Most, content_of
from llmstack.engines.llamacpp.media import WATCHED, check_contents, check_media
from llmstack.engines.llamacpp.unfit import Unfit
from tests.support.outlines import outline_of
from tests.unit.engines.llamacpp.test_pictures import jpeg, png
from tests.unit.engines.llamacpp.test_sounds import FRAME, SECOND, chunk, flac, fmt, wav

MOST = Most(pixels=1000, seconds=10)


def check(content: Any, body: dict[str, Any] | None = None) -> None:
    given = body or {"messages": [{"role": "user", "content": content}]}
    judge(json.dumps(given).encode())


def judge(body: bytes) -> None:
    check_contents(body, check_media(body, outline_of(body, WATCHED), frozenset()), MOST)


def written(data: bytes) -> str:
    return base64.b64encode(data).decode()


LARGE, SMALL = written(png(100, 11)), written(png(10, 10))
LONG, SHORT = written(flac(1_600_000)), written(wav(fmt(), chunk(b"data", SECOND)))
TWICE = {"url": f"data:image/png;base64,{written(jpeg(30, 30))}"}


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LARGE}"}}],
        [{"type": "image_url", "image_url": {"url": LARGE}}],
        [{"type": "input_image", "image_url": f"data:image/png;base64,{LARGE}"}],
        [{"type": "input_audio", "input_audio": {"data": LONG, "format": "wav"}}],
        [{"type": "input_audio", "input_audio": {"data": LARGE}}],
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LONG}"}}],
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": LARGE}}],
        [{"type": "tool_result", "content": [{"type": "image", "source": {"data": LARGE}}]}],
        [{"type": "image_url", "image_url": TWICE}] * 5,
        [{"type": "input_audio", "input_audio": {"data": SHORT}}] * 11,
        [{"type": "image_url", "image_url": {"url": "data:image/png" + ";a" * 1000}}],
    ],
)
def test_what_is_too_large_is_refused(content: Any) -> None:
    with pytest.raises(Unfit, match=r"cannot be used|comma") as caught:
        check(content)
    assert caught.value.param in WATCHED


@pytest.mark.parametrize("prompt", [True, False])
def test_so_is_what_stands_beside_a_prompt(prompt: bool) -> None:
    held = {"prompt_string": "<a>", "multimodal_data": [SMALL, LARGE]}
    with pytest.raises(Unfit, match="'multimodal_data' cannot"):
        check(None, {"prompt": held if prompt else [[1, 2], held]})


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SMALL}"}}] * 40,
        [{"type": "input_audio", "input_audio": {"data": SHORT}}] * 10,
        [{"type": "input_audio", "input_audio": {"data": written(FRAME * 100)}}],
        [{"type": "tool_use", "input": {"image_url": {"url": f"data:image/png;base64,{LARGE}"}}}],
        [{"type": "document", "source": {"type": "text", "data": "hello"}}],
        "no picture",
    ],
)
def test_the_rest_goes_on(content: Any) -> None:
    check(content)


def test_slashes_may_be_escaped_and_nothing_else() -> None:
    data = written(bytes(range(255, -1, -1)) + png(100, 11))
    assert "/" in data
    escaped = LARGE.replace("/", "\\/")
    body = '{"messages": [{"image_url": {"url": "%s"}}]}'
    with pytest.raises(Unfit, match="pixels"):
        judge((body % escaped).encode())
    with pytest.raises(Unfit, match="escapes"):
        judge((body % (SMALL[:20] + "\\n" + SMALL[20:])).encode())


@given(
    st.binary(max_size=400),
    st.integers(0, 200),
    st.integers(1, 200),
    st.sampled_from(["", "=x", "\x00A"]),
)
def test_base64_is_read_from_any_place(data: bytes, start: int, count: int, after: str) -> None:
    text = written(data).rstrip("=") + after
    content = content_of(text.encode("latin-1"), 0, len(text), "source")
    assert isinstance(content, Base64)

    assert content.read(start, count) == data[start : start + count]
