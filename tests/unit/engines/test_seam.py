"""Does only the engine's package know the engine?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmstack
from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.owned_flags import OWNED_FLAGS
from llmstack.engines.llamacpp.server_arguments import arguments

ROOT = Path(llmstack.__file__).parent
ENGINE = ROOT / "engines" / "llamacpp"
OTHERS = sorted(path for path in ROOT.rglob("*.py") if ENGINE not in path.parents)
OPTIONS = ServerOptions("/m", "a", 1, 1, "/k", mmproj_path="/p", threads=1)
FLAGS = {
    flag for flag in (*OWNED_FLAGS, *arguments(OPTIONS)) if re.fullmatch(r"--[a-z][a-z-]+", flag)
} - {"--mmproj"}
"""`--mmproj` is an argument of `llmstack fetch`, too."""
WORDS = ("Loading model", "/props", "llamacpp:", "x-llmstack-salt", "x-llmstack-lease")
"""What llama-server says, and what it is told, in no other place."""


def texts(path: Path) -> Iterator[str]:
    """The string constants of a module, its docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            yield node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)


def test_flags_and_words_are_found_where_they_are() -> None:
    found = {word for path in ENGINE.rglob("*.py") for text in texts(path) for word in text.split()}
    assert len(FLAGS) > 50
    assert found >= FLAGS


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_names_a_flag_or_a_word_of_the_engine(path: Path) -> None:
    for text in texts(path):
        assert not FLAGS & set(re.findall(r"--[a-z][a-z-]+", text)), text
        assert not [word for word in WORDS if word in text], text
