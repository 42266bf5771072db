"""Are the generated pages of docs/, and the tables in others, what the code says?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmstack.engines.llamacpp.pages import fields
from llmstack.status import pages
from tests.support.generated import assert_generated
from tests.unit.docs import sizing

PAGES: dict[str, Callable[[], str]] = {
    "conditions.md": pages.conditions,
    "fields.md": fields,
    "troubleshooting.md": pages.troubleshooting,
    "sizing.md": lambda: sizing.filled((sizing.DOCS / "sizing.md").read_text(encoding="utf-8")),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert_generated(sizing.DOCS / name, PAGES[name]())
