"""Do measurements arrive in the page as they are?"""

from pathlib import Path

import pytest

from bench.gateway.report import percentile
from bench.page import put


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([3, 1, 2], 0.5, 2),
        ([1, 2, 3, 4], 0.5, 2),
        (list(range(1, 101)), 0.9, 90),
        (list(range(1, 101)), 0.99, 99),
        ([5], 0.99, 5),
        ([1, 2], 0.99, 2),
    ],
)
def test_percentile_is_a_value_that_was_measured(
    values: list[float], share: float, found: float
) -> None:
    assert percentile(values, share) == found


def test_each_part_of_a_page_is_replaced_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- table one -->\nold\n<!-- end -->\ntext\n<!-- table two -->\nold\n<!-- end -->\n"
    )
    put("new", page, "one")
    put(r"\1 newer", page, "two")
    assert page.read_text() == (
        "<!-- table one -->\nnew\n<!-- end -->\ntext\n<!-- table two -->\n\\1 newer\n<!-- end -->\n"
    )


def test_page_of_one_table_needs_no_part(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table -->\nold\n<!-- end -->\nafter\n")
    put("new", page)
    assert page.read_text() == "before\n<!-- table -->\nnew\n<!-- end -->\nafter\n"
