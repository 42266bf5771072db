"""How does a test run fetch? As the pod does: a process, arguments, environment, a cache folder."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmstack.models.report import FetchFailure, FetchResult, Progress, parse_log, parse_termination
from llmstack.models.source import CACHE_ROOT, model_path, parse_source
from llmstack.settings.fetch import ADDRESSES
from tests.support.said import SAID

# Short patience: the same rules as in production, in less time.
QUICK = {
    "LLMSTACK_FETCH_BACKOFF_SECONDS": "0.02",
    "LLMSTACK_FETCH_IDLE_SECONDS": "2",
    "LLMSTACK_FETCH_CONNECT_SECONDS": "2",
    "LLMSTACK_FETCH_PROGRESS_SECONDS": "0.05",
    "LLMSTACK_FETCH_ATTEMPTS": "4",
    "LLMSTACK_FETCH_LOCK_SECONDS": "3",
}


@dataclass
class Outcome:
    """How did a fetch end?"""

    status: int
    log: str
    termination: str

    @property
    def report(self) -> FetchResult | FetchFailure | None:
        return parse_termination(self.termination)

    @property
    def result(self) -> FetchResult:
        assert isinstance(self.report, FetchResult), self.log + self.termination
        return self.report

    @property
    def failure(self) -> FetchFailure:
        assert isinstance(self.report, FetchFailure), self.log + self.termination
        return self.report

    @property
    def progress(self) -> Progress | None:
        return parse_log(self.log)

    @property
    def notes(self) -> list[str]:
        lines = [json.loads(line) for line in self.log.splitlines()]
        return [line["message"] for line in lines if line["event"] == "note"]


@dataclass
class Fetcher:
    """Runs `llmstack fetch` against one cache folder."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.cache = self.folder / "cache"
        self.cache.mkdir(exist_ok=True)
        self.runs = 0

    def start(self, source: str, *flags: str, **environ: str) -> "Running":
        self.runs += 1
        message = self.folder / f"termination.{self.runs}"
        message.touch()
        command = [
            *(*self.prefix, sys.executable, "-m", "llmstack", "fetch", "--source", source),
            *("--cache", str(self.cache), "--termination-log", str(message), *flags),
        ]
        given = self.environ | environ
        SAID.give_file(given.get("HF_TOKEN_FILE", ""))
        for name in ADDRESSES:
            SAID.give_address(given.get(name, ""))
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        process = subprocess.Popen(
            command,
            env=kept | QUICK | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Running(process, message)

    def __call__(self, source: str, *flags: str, **environ: str) -> Outcome:
        return self.start(source, *flags, **environ).wait()

    def model(self, source: str, sha256: str | None = None) -> Path:
        """What llama-server would open."""
        return self.cache / model_path(parse_source(source), sha256).relative_to(CACHE_ROOT)

    def leftovers(self) -> list[str]:
        """What lies in the cache besides complete models?"""
        return sorted(
            str(path.relative_to(self.cache))
            for folder in ("partial", "locks")
            for path in (self.cache / folder).glob("*")
        )


@dataclass
class Running:
    """A fetch under way."""

    process: "subprocess.Popen[str]"
    message: Path

    def wait(self) -> Outcome:
        log, _ = self.process.communicate(timeout=120)
        outcome = Outcome(self.process.returncode, log, self.message.read_text())
        SAID.note("a fetch's log", outcome.log)
        SAID.note("a fetch's termination message", outcome.termination)
        return outcome

    def read_until(self, condition) -> str:
        """The log up to the first line that meets the condition."""
        assert self.process.stdout is not None
        log = ""
        for line in self.process.stdout:
            log += line
            if condition(line):
                return log
        raise AssertionError(f"fetch ended before: {log}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


@pytest.fixture
def fetcher(tmp_path):
    return Fetcher(tmp_path)


@pytest.fixture
def fetch(fetcher, hub):
    """With the test file's own `hub` as the place of hf:// models."""
    fetcher.environ["HF_ENDPOINT"] = hub.endpoint
    return fetcher
