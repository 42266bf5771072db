"""Is docs/chart.md true? Its tables are read, and helm is asked."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.integration.chart.helm import CHART, IMAGES, ROOT, template

PAGE = (ROOT / "docs" / "chart.md").read_text()
PURPOSES, BAD_INPUT = (
    PAGE[PAGE.index(f"## {title}\n") :].split("\n## ")[0]
    for title in ("Values by purpose", "Bad input")
)
ROWS = re.findall(r"^\| (\(none\)|`[^`]+`) \| (.+) \|$", BAD_INPUT, re.MULTILINE)


@pytest.mark.parametrize(("values", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_bad_input_is_answered_with_what_the_page_says(values: str, words: str) -> None:
    given = () if values == "(none)" else (values.strip("`"),)
    needs_images = given and not given[0].startswith("image.")

    done = template(*(IMAGES if needs_images else ()), *given)

    assert done.returncode != 0
    assert words in done.stderr


def test_the_page_shows_bad_input() -> None:
    assert len(ROWS) > 10


def known(path: str) -> bool:
    """Is there such a value?"""
    value = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def test_the_page_speaks_of_every_value_and_of_no_other() -> None:
    named = set(re.findall(r"`([a-zA-Z.]+)`", PURPOSES)) - {"helm"}
    top = {path.partition(".")[0] for path in named}

    assert [path for path in named if not known(path)] == []
    assert top == set(yaml.safe_load((CHART / "values.yaml").read_text()))
