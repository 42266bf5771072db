"""llama.cpp's own tests of its server: which of them does the gateway change?

    python -m tests.outside [test_FILE.py …] [-k EXPRESSION]

They run against llama-server alone and against the gateway before it (front.py), both at once. With
--each, every test starts a server with flags of its own, as the suite means it; else the tests of a
group share one (the suite's external mode), which takes minutes in place of an hour. The models
that the suite was written for are not to be had without a network: random weights stand in for them
(MODEL names another file), so some tests fail in both; such a test counts as equal where it fails
at the same line of the suite in both. Prints a line for each difference, and how many there are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.e2e.cluster.sites import free_ports
from tests.e2e.images import llama_server_binary
from tests.e2e.images.serving import until
from tests.integration.caches.models import tiny
from tests.support.llama.real import FILLS_IN
from tests.support.llama.rerank_model import rerank_model
from tests.support.llama.source import llama_cpp_source

_FRONT = '#!/bin/sh\nexec {python} -m tests.outside.front "$@"\n'
_FILES = (
    "test_basic.py",
    "test_chat_completion.py",
    "test_compat_anthropic.py",
    "test_compat_oai_responses.py",
    "test_completion.py",
    "test_ctx_shift.py",
    "test_embedding.py",
    "test_ignore_eos.py",
    "test_infill.py",
    "test_rerank.py",
    "test_security.py",
    "test_stream.py",
    "test_template.py",
    "test_tokenize.py",
    "test_tool_call.py",
)
"""Not those of what the gateway refuses by design: metrics, slots, adapters, the router, tools."""

Outcome = str
"""passed, skipped, or where in the suite it failed."""


def suite(into: Path) -> Path:
    """A copy of llama.cpp's server tests, of the version that the image is built from."""
    tests = shutil.copytree(llama_cpp_source() / "tools" / "server" / "tests", into / "tests")
    # Their conftest downloads the models.
    conftest = tests / "conftest.py"
    conftest.write_text(conftest.read_text().replace("ServerPreset.load_all()", "pass"))
    # What a model says is not what is compared here.
    utils = tests / "utils.py"
    said = "def match_regex(regex: str, text: str) -> bool:\n"
    assert said in utils.read_text()
    utils.write_text(utils.read_text().replace(said, f"{said}    return True\n"))
    return tests


class Way:
    """One way to the server: the suite's copy, and a folder for what it needs and leaves."""

    def __init__(self, front: str, tests: Path, folder: Path) -> None:
        self.front = front
        self.tests = tests
        self.folder = folder
        folder.mkdir()
        program = folder / "llama-server"
        program.write_text(_FRONT.format(python=sys.executable))
        program.chmod(0o755)
        model = os.environ.get("MODEL") or str(tiny(folder))
        self.environment = {
            **os.environ,
            "FRONT": front,
            "LLAMA_SERVER": str(llama_server_binary()),
            "LLAMA_SERVER_BIN_PATH": str(program),
            "LLAMA_SERVER_DEBUG_FAKE_TIMING": "1",
            "MODEL": model,
            "EMBEDDING_MODEL": model,
            "RERANKING_MODEL": str(rerank_model(folder / "reranker.gguf")),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def each(self, files: Sequence[str], options: list[str]) -> dict[str, Outcome]:
        """The outcome of each test, each with a server of its own."""
        return self._pytest("each", files, options, PORT=str(free_ports(1)[0]))

    def group(self, group: Group, options: list[str]) -> dict[str, Outcome]:
        """The same with one server for all of a group."""
        (port,) = free_ports(1)
        argv = [self.environment["LLAMA_SERVER_BIN_PATH"], "--port", str(port), *group.flags]
        log = (self.folder / f"{group.name}-server.log").open("w")
        server = subprocess.Popen(argv, env=self.environment, stdout=log, stderr=log)
        try:
            until(lambda: _answers(f"http://127.0.0.1:{port}/health"))
            shared = {"PORT": str(port), "DEBUG_EXTERNAL": "1"}
            return self._pytest(group.name, group.files, options, **shared)
        finally:
            server.terminate()
            server.wait()

    def _pytest(
        self, name: str, files: Sequence[str], options: list[str], **more: str
    ) -> dict[str, Outcome]:
        report, log = self.folder / f"{name}.xml", self.folder / f"{name}.log"
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}"]
        command += ["-p", "no:cacheprovider", *options, *(f"unit/{file}" for file in files)]
        environment = {**self.environment, **more}
        with log.open("w") as out:
            subprocess.run(command, cwd=self.tests, env=environment, check=False, stdout=out)
        return outcomes(report)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


class Group(NamedTuple):
    """Files whose tests can share a server with these flags."""

    name: str
    files: tuple[str, ...]
    flags: tuple[str, ...]


_THREADS = ("--threads", "1")
_GENERATES = (*_THREADS, "--alias", "tinyllama-2", "--ctx-size", "4096", "--parallel", "2")
_GENERATES += ("--jinja", "--n-predict", "64")
_KEY = ("--api-key", "sk-this-is-the-secret-key")
_OF_THEIR_OWN = ("test_embedding.py", "test_rerank.py", "test_security.py", "test_infill.py")
GROUPS = (
    Group("generate", tuple(name for name in _FILES if name not in _OF_THEIR_OWN), _GENERATES),
    Group("infill", ("test_infill.py",), (*_GENERATES, *FILLS_IN)),
    Group("security", ("test_security.py",), (*_GENERATES, *_KEY)),
    Group(
        "embedding",
        ("test_embedding.py",),
        (*_THREADS, "--alias", "bert", "--embedding", "--pooling", "last", "--parallel", "2"),
    ),
    Group("rerank", ("test_rerank.py",), (*_THREADS, "--alias", "jina", "--reranking")),
)


def outcomes(report: Path) -> dict[str, Outcome]:
    """Read from pytest's report."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        found[name] = next((_outcome(child) for child in case if child.tag in _TAGS), "passed")
    return found


_TAGS = ("failure", "error", "skipped")


def _outcome(child: ElementTree.Element) -> Outcome:
    if child.tag == "skipped":
        return "skipped"
    places = [line for line in (child.text or "").splitlines() if line.startswith("unit/")]
    return f"failed at {places[-1] if places else '?'}: {(child.get('message') or '')[:200]}"


def place(outcome: Outcome) -> str:
    """The outcome without the words, which quote what a model happened to say."""
    return outcome.split(": ", 1)[0]


def both(options: list[str], folder: Path) -> list[dict[str, Outcome]]:
    """The outcomes of both ways: of all tests, or of those that are chosen."""
    tests = suite(folder)
    ways = [Way(front, tests, folder / front) for front in ("alone", "gateway")]
    files = [name for name in options if name in _FILES] or list(_FILES)
    each = "--each" in options
    rest = [word for word in options if word not in files and word != "--each"]

    def of(way: Way) -> dict[str, Outcome]:
        if each:
            return way.each(files, rest)
        found: dict[str, Outcome] = {}
        for group in GROUPS:
            chosen = tuple(name for name in group.files if name in files)
            if chosen:
                found |= way.group(group._replace(files=chosen), rest)
        return found

    with ThreadPoolExecutor() as pool:
        return list(pool.map(of, ways))


def main() -> int:
    """Runs both, and prints what differs; 1 if anything does."""
    with tempfile.TemporaryDirectory() as name:
        alone, through = both(sys.argv[1:], Path(name))
    differences = {
        test: (alone[test], through.get(test, "not run"))
        for test in alone
        if place(alone[test]) != place(through.get(test, "not run"))
    }
    for test, (before, after) in differences.items():
        print(f"{test}\n  alone:   {before}\n  through: {after}")
    passed = sum(outcome == "passed" for outcome in alone.values())
    print(f"{len(alone)} tests, {passed} pass alone, {len(differences)} differ through the gateway")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
