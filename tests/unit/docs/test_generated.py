"""Are the generated pages of docs/, and the blocks in others, what the code says?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmstack.status.catalog import CATALOG
from tests.support.generated import assert_generated
from tests.unit.docs import api, fields, reasons, settings, sizing
from tests.unit.docs.blocks import DOCS, filled, names

PAGES: dict[str, Callable[[], str]] = {"api.md": api.to_markdown, "fields.md": fields.fields}
BLOCKS: dict[str, Callable[[str], str]] = {
    "conditions.md": reasons.table,
    "settings.md": settings.table,
    "sizing.md": lambda name: sizing.TABLES[name](),
    "troubleshooting.md": reasons.section,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert_generated(DOCS / name, PAGES[name]())


@pytest.mark.parametrize("name", BLOCKS)
def test_the_blocks_of_a_page_are_what_the_code_says(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert_generated(DOCS / name, filled(page, BLOCKS[name]))


def test_every_condition_with_a_remedy_has_its_block() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    assert names(page) == {CATALOG[reason].condition.value for reason in reasons.REMEDIES}
