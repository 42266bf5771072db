"""How does the fake server read, and what does it say?

One token is a word, a mark, or a special token of the chat template. What it says depends on the
prompt alone, so an answer that reaches the wrong client shows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

Tokens = tuple[int, ...]

_TOKEN = re.compile(r"<\|\w+\|>|\s?\w+|[^\w\s]|\s")
_WORDS = (
    " a", " slot", " holds", " one", " sequence", " of", " tokens", ",", " and", " each",
    " step", " of", " the", " server", " adds", " one", " token", " to", " every", ".",
    " The", " prompt", " comes", " first", ";", " what", " was", " cached", " costs", " no",
    " time",
)  # fmt: skip


def tokens_of(text: str) -> Tokens:
    """Numbers below 49152, the same for the same text."""
    return tuple(zlib.crc32(word.encode()) % 49152 for word in _TOKEN.findall(text))


def said(prompt: Tokens, number: int) -> str:
    """The token with this number, from 0, of the answer to this prompt."""
    return _WORDS[(sum(prompt) + number) % len(_WORDS)]


def common(one: Tokens, other: Tokens) -> int:
    """How many tokens do both begin with? By halves: a comparison of slices is cheap."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def chat_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The messages as the model reads them."""
    turns = "".join(
        f"<|im_start|>{message['role']}\n{_text(message.get('content'))}<|im_end|>\n"
        for message in messages
    )
    return f"{turns}<|im_start|>assistant\n"


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")
