"""llama.cpp's own tests of its server: which of them does the gateway change?

    python -m tests.outside [test_FILE.py …] [-k EXPRESSION]

Each test starts a server with flags of its own. It is run against llama-server alone and against
the gateway before it (front.py), both at once. The models that the suite was written for are not to
be had without a network, so some tests fail in both; such a test counts as equal where it fails at
the same line of the suite in both. Random weights stand in for the models, so that the whole takes
minutes; MODEL names another file. Prints a line for each difference, and how many there are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from tests.e2e.cluster.sites import free_ports
from tests.e2e.images import llama_server_binary
from tests.integration.caches.models import tiny
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

_WAYS = ("alone", "gateway")
Outcome = str
"""passed, skipped, or where in the suite it failed."""


def suite(into: Path) -> Path:
    """A copy of llama.cpp's server tests, of the version that the image is built from."""
    tests = shutil.copytree(llama_cpp_source() / "tools" / "server" / "tests", into / "tests")
    # Their conftest downloads the models.
    conftest = tests / "conftest.py"
    conftest.write_text(conftest.read_text().replace("ServerPreset.load_all()", "pass"))
    return tests


def run(tests: Path, front: str, folder: Path, chosen: list[str]) -> dict[str, Outcome]:
    """The outcome of each test, by its name."""
    program = folder / "llama-server"
    program.write_text(_FRONT.format(python=sys.executable))
    program.chmod(0o755)
    report = folder / f"{front}.xml"
    model = os.environ.get("MODEL") or str(tiny(folder))
    environment = {
        **os.environ,
        "FRONT": front,
        "LLAMA_SERVER": str(llama_server_binary()),
        "LLAMA_SERVER_BIN_PATH": str(program),
        "MODEL": model,
        "EMBEDDING_MODEL": model,
        "PORT": str(free_ports(1)[0]),
        "RERANKING_MODEL": str(rerank_model(folder / "reranker.gguf")),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}"]
    files = [name for name in chosen if name in _FILES]
    options = [word for word in chosen if word not in files]
    command += ["-p", "no:cacheprovider", *options, *(f"unit/{name}" for name in files or _FILES)]
    subprocess.run(
        command, cwd=tests, env=environment, check=False, stdout=(folder / f"{front}.log").open("w")
    )
    return outcomes(report)


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


def main() -> int:
    """Runs both, and prints what differs; 1 if anything does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = suite(folder)
        folders = [folder / way for way in _WAYS]
        for each in folders:
            each.mkdir()
        with ThreadPoolExecutor() as pool:
            chosen = [sys.argv[1:]] * len(_WAYS)
            alone, through = pool.map(run, [tests] * len(_WAYS), _WAYS, folders, chosen)
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
