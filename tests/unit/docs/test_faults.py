"""Do docs/faults.md and docs/gateway.md name only tests that exist?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("faults.md", "gateway.md")}
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMED = [found for page in PAGES.values() for found in TEST.findall(page)]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("page", PAGES)
def test_the_table_names_tests(page: str) -> None:
    assert len(TEST.findall(PAGES[page])) > 10


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)), ids=str)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert (ROOT / path).exists()
    assert not name or name in functions(ROOT / path)
