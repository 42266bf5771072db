"""Is every reason explained?"""

from pathlib import Path

from llmstack.api import reasons
from llmstack.status.catalog import CATALOG, render

DOCUMENT = Path(__file__).parents[3] / "docs" / "conditions.md"


def test_every_reason_is_in_the_catalog() -> None:
    known = {value for name, value in vars(reasons).items() if name.isupper()}
    assert set(CATALOG) == known


def test_the_document_is_what_the_catalog_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), (
        "write it anew: python -c 'from llmstack.status.catalog import render; "
        'print(render(), end="")\' > docs/conditions.md'
    )
