"""Does every module import only what stands below it, and none in a ring?

import-linter holds the layers of packages (pyproject.toml); this holds the modules.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import llmstack

ROOT = Path(llmstack.__file__).parent
MODULES = {
    ".".join(("llmstack", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
}
HTTP = sorted(name for name in MODULES if name.startswith("llmstack.gateway.http."))


def imported(name: str) -> set[str]:
    """The modules of the package that this one imports, anywhere in its text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found & MODULES.keys()


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = {name: imported(name) for name in MODULES}
    assert sum(map(len, graph.values())) > 1000
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_import_is_for_the_type_checker_alone() -> None:
    assert [name for name, path in MODULES.items() if "TYPE_CHECKING" in path.read_text()] == []


@pytest.mark.parametrize("name", HTTP)
def test_http_knows_nothing_of_the_gateway_above_it(name: str) -> None:
    above = {each for each in imported(name) if each.startswith("llmstack.gateway.")} - {*HTTP}
    assert above == set()
