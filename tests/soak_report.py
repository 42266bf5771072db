"""What did a soak show? A page in docs/soak/, dated, to be committed.

Loaded by `make soak` alone (`-p tests.soak_report`). What a test counted it tells by the fixture
`record_property`; the page shows it beside the result.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parents[1] / "docs" / "soak"
HEAD = """# Soak of {date}

Commit {commit}; {machine}; Python {python}. Command: `make soak`. Result: {result}.

| test | result | time | counted |
|---|---|---|---|
"""


class SoakReport:
    """Collects the tests of one run; `page` is what is written."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.failed += report.failed
            counted = ", ".join(f"{name} {value}" for name, value in report.user_properties)
            took = f"{report.duration:.0f} s"
            name = f"`{report.nodeid.removeprefix('tests/')}`"
            self.rows.append(f"| {name} | {report.outcome} | {took} | {counted} |")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self.rows:
            now = datetime.datetime.now(datetime.UTC)
            DIRECTORY.mkdir(parents=True, exist_ok=True)
            (DIRECTORY / f"{now:%Y-%m-%d}.md").write_text(self.page(now))

    def page(self, now: datetime.datetime) -> str:
        """The whole page."""
        result = f"{self.failed} of {len(self.rows)} failed" if self.failed else "all passed"
        head = HEAD.format(
            date=f"{now:%Y-%m-%d %H:%M} UTC",
            commit=commit(),
            machine=f"{os.cpu_count()} CPUs, {memory_gib():.0f} GiB, Linux {platform.release()}",
            python=platform.python_version(),
            result=result,
        )
        return head + "\n".join(self.rows) + "\n"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SoakReport(), "soak-report")


def commit() -> str:
    """The commit that was tried, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def memory_gib() -> float:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
