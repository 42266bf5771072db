"""Which skipped test makes a run fail? Every one but those marked with what may be missing.

A test that skips itself where something is missing looks green while it proves nothing. What may be
missing here (an accelerator, an image registry, the history of a shallow clone) has a marker; the
CONTRIBUTING.md lists the tests.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import secret_watch

# Time is measured in bench/, never judged in a test. What else hypothesis does in CI (the same
# examples each time) stays as it is.
_UNTIMED = settings(settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("whole", _UNTIMED)
# A quarter of the examples, other ones each time: `make check` is run after each change.
settings.register_profile("quick", _UNTIMED, max_examples=25)
settings.load_profile("whole" if {"CI", "LLMSTACK_SOAK"} & os.environ.keys() else "quick")

MAY_BE_SKIPPED = frozenset({"needs_gpu", "needs_registry", "needs_history"})
_wrongly_skipped: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_wrongly_skipped] = []
    config.pluginmanager.register(_Watch(config.stash[_wrongly_skipped]))
    config.pluginmanager.register(secret_watch)


class _Watch:
    """Collects the tests and files that were skipped without leave (an expected failure too)."""

    def __init__(self, found: list[str]) -> None:
        self.found = found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not MAY_BE_SKIPPED & set(report.keywords):
            self.found.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.found.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[_wrongly_skipped] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash[_wrongly_skipped]
    if not found:
        return
    terminalreporter.section("skipped without leave", red=True)
    names = " or ".join(sorted(MAY_BE_SKIPPED))
    terminalreporter.line(f"The run fails: only tests marked {names} may be skipped.")
    for nodeid in found:
        terminalreporter.line(f"  {nodeid}")
