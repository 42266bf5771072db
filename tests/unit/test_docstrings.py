"""Do docstrings of functions and classes say what a thing does, instead of asking it?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "operator" / "llmstack"
FIRST_SENTENCE = re.compile(r"(.*?[.?!])(?=\s|$)", re.DOTALL)


def part_of(path: Path) -> str:
    """The package below `llmstack` that a file is in; "" for a module of `llmstack` itself."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def questions(path: Path) -> Iterator[str]:
    """The functions and classes of a file whose docstring's first sentence is a question."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = FIRST_SENTENCE.match(ast.get_docstring(node) or "")
            if first and first[1].endswith("?"):
                yield f"{path.name}:{node.lineno} {node.name}: {first[1]}"


FILES = sorted(PACKAGE.rglob("*.py"))
PARTS = sorted({part_of(path) for path in FILES})


@pytest.mark.parametrize("part", PARTS, ids=[part or "llmstack" for part in PARTS])
def test_no_docstring_of_a_function_or_class_opens_with_a_question(part: str) -> None:
    assert [found for path in FILES if part_of(path) == part for found in questions(path)] == []


def test_a_question_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""May a module ask?"""\n\ndef f():\n    """How? So."""\n')

    assert list(questions(module)) == ["module.py:3 f: How?"]
