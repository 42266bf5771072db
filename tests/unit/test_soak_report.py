"""Does the page of a soak say what was tried, and how it went?"""

from __future__ import annotations

import datetime

import pytest

from tests.soak_report import SoakReport

NOW = datetime.datetime(2026, 11, 21, 5, 30, tzinfo=datetime.UTC)


def report(outcome: str, when: str = "call", **counted: object) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/integration/test_lease.py::test_kills",
        location=("tests/integration/test_lease.py", 1, "test_kills"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        duration=61.4,
        user_properties=list(counted.items()),
    )


def test_a_row_tells_the_result_the_time_and_the_counts() -> None:
    soak = SoakReport()
    soak.pytest_runtest_logreport(report("passed", "setup"))
    soak.pytest_runtest_logreport(report("passed", kills=100))

    page = soak.page(NOW)

    assert "# Soak of 2026-11-21 05:30 UTC" in page
    assert "Result: all passed." in page
    assert page.count("test_kills") == 1
    assert "| `integration/test_lease.py::test_kills` | passed | 61 s | kills 100 |" in page


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_a_failure_shows_wherever_it_happened(when: str) -> None:
    soak = SoakReport()
    soak.pytest_runtest_logreport(report("failed", when))

    assert "Result: 1 of 1 failed." in soak.page(NOW)
