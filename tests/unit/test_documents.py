"""Do the documents speak of what there is? Targets, reasons and versions, not words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from llmstack.api.conditions import ConditionType
from llmstack.version import VERSION
from tests.unit.docs.reasons import REMEDIES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
WITH_TARGETS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def troubleshooting() -> str:
    _, _, rest = README.partition("## Troubleshooting")
    return rest.partition("\n## ")[0]


def test_the_readme_names_reasons_and_conditions_that_there_are() -> None:
    named = set(re.findall(r"`([A-Z][A-Za-z]+)`", troubleshooting()))
    assert len(named) > 5
    assert named <= set(REMEDIES) | {condition.value for condition in ConditionType}


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs" / "README.md").read_text()))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}

    assert pages - {"README.md"} <= listed


def test_decisions_are_numbered_one_after_the_other() -> None:
    found = sorted((ROOT / "docs" / "adr").glob("*.md"))
    titles = [path.read_text().partition(".")[0] for path in found]

    assert titles == [f"# {number}" for number in range(1, len(found) + 1)]
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("document", WITH_TARGETS, ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    named = set(re.findall(r"(?:^|`|\s)make ([a-z-]+)(?=`|\s+#|$)", document.read_text(), re.M))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))

    assert named
    assert named <= targets


def test_every_target_has_its_line_in_the_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"[a-z0-9]+", text.partition(".PHONY:")[2].partition("\n\n")[0]))
    helped = set(re.findall(r"^([a-z0-9-]+):.*## ", text, re.M))

    assert phony - {"help"} == helped


def test_every_file_that_the_contributing_page_points_to_exists() -> None:
    _, _, questions = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where would you change")
    named = set(re.findall(r"`([a-z]+/[a-z_/]+(?:\.py|/))`", questions))

    assert len(re.findall(r"^\d+\. ", questions, re.MULTILINE)) == 10
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / "operator" / "llmstack" / name).exists()] == []


def test_chart_and_package_have_one_version() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "llm-stack" / "Chart.yaml").read_text())

    assert chart["appVersion"] == chart["version"] == VERSION


def test_each_version_of_the_past_names_the_commit_it_is_built_from() -> None:
    _, *past = (ROOT / "CHANGELOG.md").read_text().split("\n## [")[1:]

    assert past
    assert all(re.search(r"Built from commit [0-9a-f]{40}\b", each) for each in past)


@pytest.mark.parametrize("marker", ["needs_gpu", "needs_registry"])
def test_contributing_lists_the_files_with_tests_that_may_be_skipped(marker: str) -> None:
    mark = f"pytest.mark.{marker}\n"
    marked = {
        f"`{path.relative_to(ROOT)}`"
        for path in (ROOT / "tests").glob("**/test_*.py")
        if mark in path.read_text() and path.name != "test_conftest.py"
    }

    (row,) = (line for line in CONTRIBUTING.splitlines() if line.startswith(f"| `{marker}` |"))

    assert marked == set(re.findall(r"`tests/[^`]*`", row))
    assert bool(marked) is ("none so far" not in row)
