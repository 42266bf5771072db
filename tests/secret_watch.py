"""Has a test's program told a secret that it was given? Then the test fails.

What is looked at, after each test: the output of programs that helpers have noted (said.py), and
what pytest has caught of this process's own output and log.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.said import SAID


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "teardown":
        leaks = SAID.leaks(*((title, text) for title, text in report.sections))
        if leaks and report.passed:
            report.outcome = "failed"
            report.longrepr = "\n".join(("a secret was told:", *dict.fromkeys(leaks)))
    return report
