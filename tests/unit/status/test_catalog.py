"""Is every reason explained, and does every one that may need somebody have a remedy?"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from llmstack.api import crd, reasons
from llmstack.desired.metadata import DEPLOYMENT_LABEL, FETCH_CONTAINER, SERVER_CONTAINER
from llmstack.status.catalog import CATALOG, Weight
from tests.unit.docs.blocks import DOCS
from tests.unit.docs.reasons import REMEDIES

# Nobody needs to act. Whatever else there is has a remedy.
WELL = {
    reasons.READY,
    reasons.VALID,
    reasons.DOWNLOADED,
    reasons.SCHEDULED,
    reasons.AVAILABLE,
    reasons.STOPPED,
    reasons.SCALED_TO_ZERO,
    reasons.FIXED,
    reasons.FOLLOWING,
    reasons.ASLEEP,
}
VALUES = yaml.safe_load((DOCS.parent / "charts" / "llm-stack" / "values.yaml").read_text())
TEXT = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
PAGE = re.sub(r"\s+", " ", TEXT)
REMEDY = re.compile(
    r"# (\w+)\n\nTo see more:\n\n```sh\n(?:.+\n)+```\n\n"
    r"To fix it:\n\n(?:- [^\n]+\n(?:  .+\n)*)+"
)


def test_every_reason_is_in_the_catalog() -> None:
    known = {value for name, value in vars(reasons).items() if name.isupper()}
    assert set(CATALOG) == known


def test_every_reason_that_may_need_somebody_has_a_remedy() -> None:
    assert set(REMEDIES) == set(CATALOG) - WELL


def test_no_warning_is_well() -> None:
    assert not [reason for reason in WELL if CATALOG[reason].weight is Weight.WARNING]


@pytest.mark.parametrize("reason", REMEDIES)
def test_a_remedy_says_how_to_see_more_and_how_to_mend(reason: str) -> None:
    form = REMEDY.fullmatch(REMEDIES[reason])
    assert form and form[1] == reason


def test_labels_and_containers_in_commands_are_the_operators() -> None:
    labels = set(re.findall(r"([\w./-]+)=NAME\b", TEXT))
    assert labels == {DEPLOYMENT_LABEL}
    assert set(re.findall(r" logs .* -c (\S+)", TEXT)) == {FETCH_CONTAINER, SERVER_CONTAINER}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`spec\.([\w.]+)", PAGE))))
def test_a_field_that_the_page_names_exists(path: str) -> None:
    node: dict[str, Any] = crd.schema()["properties"]["spec"]
    for name in path.split("."):
        assert name in node["properties"], f"spec.{path}"
        node = node["properties"][name]


def test_fields_are_found() -> None:
    assert len(re.findall(r"`spec\.", PAGE)) > 50


@pytest.mark.parametrize("path", sorted(set(re.findall(r"[Cc]hart value `([\w.]+)`", PAGE))))
def test_a_chart_value_that_the_page_names_exists(path: str) -> None:
    node: Any = VALUES
    for name in path.split("."):
        assert name in node, path
        node = node[name]
