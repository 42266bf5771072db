"""Is each rival taken at its best, and told as it is?"""

import xml.etree.ElementTree as ET

import pytest

from bench.scaling.candidates import SWEPT, candidates, swept
from bench.scaling.plot import svg
from bench.scaling.report import best_rival, best_swept, details, shipped, verdicts
from bench.scaling.sweep import MEASURED, OURS, TUNING, Case, Line, Result, choose


def result(p95: float, hours: float, refused: int = 0) -> Result:
    return Result(0.0, p95, refused, 100, hours)


@pytest.mark.parametrize(
    ("results", "chosen", "why"),
    [
        ([(9, 5), (4, 9), (3, 11)], {"best": 1, "fastest": 2}, "of those within 10 hours"),
        ([(9, 5), (4, 9)], {"best": 1}, "the best is the fastest as well"),
        ([(4, 9), (4, 7)], {"best": 1}, "of equals the cheaper one"),
        ([(9, 11), (4, 12)], {"dearer": 0, "fastest": 1}, "none is as cheap: the cheapest"),
        ([(4, 10)], {"best": 0}, "as many hours are not more"),
    ],
)
def test_choice(results: list[tuple[float, float]], chosen: dict[str, int], why: str) -> None:
    assert choose([result(*each) for each in results], 10.0) == chosen, why


def case(ours: Result, *rivals: tuple[str, Result]) -> Case:
    lines = [Line("LLMKube", "target 2", role, found) for role, found in rivals]
    return Case("bursts", 30, (Line(OURS, "defaults", "ours", ours), *lines))


@pytest.mark.parametrize(
    ("ours", "rival", "cell"),
    [
        (2, 4, "**0.50**"),
        (2, 3.9, "0.51"),
        (4, 2, "2.00"),
        (0, 0, "both 0"),
        (1, 0, "∞"),
        (0, 1, "**0.00**"),
    ],
)
def test_ratio_is_told_whoever_wins(ours: float, rival: float, cell: str) -> None:
    found = case(result(ours, 10), ("best, shipped", result(rival, 9)))
    assert verdicts([found]).endswith(f"| {cell} |  |")


def test_rival_that_costs_more_than_ours_is_not_the_best() -> None:
    assert best_rival(case(result(9, 10), ("best", result(1, 10.6)))) is None
    assert best_rival(case(result(9, 10), ("fastest", result(1, 9)))) is None
    assert best_rival(case(result(9, 10), ("best", result(1, 10.4)))) is not None


def test_tables_show_everyone() -> None:
    found = case(result(9, 10), ("best", result(4, 9)), ("shipped", result(70, 3, refused=25)))
    assert details([found]).count("LLMKube") == 2
    assert "25.0%" in details([found])
    assert shipped([found]).endswith("| bursts | 30 s | 9.0 s, 10.0 h | 70.0 s, 3.0 h |")


def test_plot_is_a_picture() -> None:
    ET.fromstring(svg([case(result(9, 10), ("best", result(0, 9)))]))


def test_no_rival_is_tuned_on_what_is_measured() -> None:
    assert not set(TUNING) & set(MEASURED)


def test_each_rival_is_tried_as_it_is_shipped_too() -> None:
    tried = list(candidates())
    assert [each.contender for each in tried if each.shipped] == [
        "LLMKube",
        "KubeAI",
        "GPU percentage",
    ]
    assert len({(each.contender, each.parameters) for each in tried}) == len(tried)


def test_ours_swept_is_no_rival_and_has_a_ratio_of_its_own() -> None:
    tuned = Line(SWEPT, "80%, all after 60 s", "best", result(1, 10))
    found = case(result(9, 10), ("best", result(4, 9)))
    found = Case(found.trace, found.load_seconds, (*found.lines, tuned))
    assert best_swept(found) is tuned
    assert best_rival(found) is found.lines[1]
    assert verdicts([found]).endswith("| 2.25 | **0.25** |")


def test_ours_is_swept_over_how_soon_it_sleeps_only_where_it_may() -> None:
    assert not any("asleep" in each.parameters for each in swept(sleeps=False))
    assert sum("asleep after 60 s" in each.parameters for each in swept(sleeps=True)) == 12
