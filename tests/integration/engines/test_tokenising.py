"""Does our patch of the tokeniser give the tokens of llama.cpp, and survive what that does not?

Upstream matches pre-tokenizers by std::regex, which calls itself for each repeated character: some
ten thousand letters in a row end the process. And each special token costs it a walk through all
that stand before it.
"""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.llama.real import RealLlama

GOLDEN = Path(__file__).with_name("golden") / "tokens.json"
"""By pre-tokenizer: what the server gave for `TEXTS` before the patch."""
OTHERS = ["default", "deepseek-llm", "deepseek-v3", "exaone-moe", "falcon", "gpt-4o", "superbpe"]
OTHERS += ["tekken"]
TEXTS = [
    "Hello, world! It's 2024-11-30; WE'LL see.\n\n  def f(x):\n\treturn x ** 2  # 1234567\n",
    "aBcDEFg HTTPServer getURLFor_x éÉñ Ünïcode naïve",
    "中文字符とひらがなカタカナ 한국어 مرحبا १२३ ٣٤",
    "   leading   and trailing   \r\n\r\n \n x\t\t",
    "1 22 333 4444 55555 1,234,567.89 0x1F",
    '!!! ...?--- $€£ <a href="x">[y](z)</a> \\ ` ~ ^ | @#%',
    "🙂🙂 e\u0301 a\u0301\u0302 \u00a0\u2003x\u0085y \u200b",
    "x<|im_start|>user\nhi<|im_end|> <|im_start|><|im_end|>|im_end|><|im_",
    "'s 'S 'll 'LL 've'd'Re it'sn't",
    "AAAA aaaa AaAa ÀÀÀ ààà AÀaà中A中a",
    "",
]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<file_sep>"]
PIECES = ["a", " the", "\n\n", "12", "é", "<|im_", "start|>", "|>", "<", "hello world", "  "]


def tokens(server: RealLlama, text: str, **more: Any) -> list[int]:
    request = urllib.request.Request(
        f"{server.url}/tokenize",
        json.dumps({"content": text, **more}).encode(),
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return list(json.load(answer)["tokens"])


@pytest.fixture(scope="module", params=OTHERS)
def other(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RealLlama]]:
    """The sample model with another's pre-tokenizer."""
    name = str(request.param)
    extra = ("--override-kv", f"tokenizer.ggml.pre=str:{name}")
    with RealLlama.running(tmp_path_factory.mktemp("pre"), extra=extra, slots=1) as server:
        yield name, server


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    """The sample model as it is."""
    with RealLlama.running(tmp_path_factory.mktemp("sample"), slots=1) as server:
        yield server


def test_the_tokens_are_those_of_the_server_without_the_patch(
    other: tuple[str, RealLlama],
) -> None:
    name, server = other
    assert [tokens(server, text) for text in TEXTS] == json.loads(GOLDEN.read_text())[name]


@pytest.mark.parametrize("letter", ["a", "A", "é", "中", " ", "\n", "1", "!", "' ", "\u0301"])
def test_many_of_a_kind_in_a_row_do_not_end_it(other: tuple[str, RealLlama], letter: str) -> None:
    _, server = other
    assert tokens(server, letter * 100_000)
    assert server.process.poll() is None


def test_spaces_before_another_character_are_passed_once(other: tuple[str, RealLlama]) -> None:
    """A pattern that fits at the end only would be tried at each of them."""
    _, server = other
    assert tokens(server, " " * 300_000 + "1")


def test_special_tokens_divide_a_text(sample: RealLlama) -> None:
    """What is between them gets the tokens that it would have alone."""
    rng = random.Random(11)
    alone: dict[str, list[int]] = {}
    for _ in range(200):
        text: list[str] = []
        expected: list[int] = []
        for _ in range(rng.randrange(1, 12)):
            between = "".join(rng.choices(PIECES, k=rng.randrange(4)))
            if any(special in between for special in SPECIAL):
                continue
            for part in (between, rng.choice(SPECIAL)):
                if part not in alone:
                    alone[part] = tokens(sample, part)
                text.append(part)
                expected += alone[part]
        assert tokens(sample, "".join(text)) == expected, text


def test_without_special_tokens_they_are_text(sample: RealLlama) -> None:
    known = {tokens(sample, special)[0] for special in SPECIAL}
    assert all(len(tokens(sample, special)) == 1 for special in SPECIAL)
    plain = tokens(sample, "".join(SPECIAL), parse_special=False)
    assert not known & set(plain)


def test_a_hundred_thousand_special_tokens_take_no_minutes(sample: RealLlama) -> None:
    """Upstream took 24 s for 500 KB, and four times that for twice as much."""
    (one,) = tokens(sample, "<|im_start|>")
    assert tokens(sample, "<|im_start|>" * 200_000) == [one] * 200_000
