"""`python -m bench.engine --plain PATH`: what does our patch cost llama-server?

PATH is a llama-server of the same build without images/llama-server/llmstack.patch. Both get the
same conversations with one salt, in alternating runs; the CPU seconds of the server's process are
counted, which other load on the machine disturbs less than the clock.
"""

import argparse
import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench.page import dated, put
from tests.e2e.images import llama_server_binary
from tests.support.llama.real import RealLlama

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
HEAD = ("llama-server", "CPU s", "runs", "÷ without the patch", "wanted")
SLOTS = 2
_SYSTEM = "You are a careful assistant who answers briefly. " * 20
_TICK = os.sysconf("SC_CLK_TCK")


def run(program: Path, conversations: int, turns: int) -> float:
    """CPU seconds of one server for that many conversations, two at a time."""
    with tempfile.TemporaryDirectory() as directory:
        server = RealLlama.running(
            Path(directory),
            program=program,
            slots=SLOTS,
            extra=("--log-verbosity", "1"),
            prompt_cache_mib=64,
        )
        with server as llama, ThreadPoolExecutor(SLOTS) as pool:
            before = _cpu_seconds(llama.process.pid)
            list(pool.map(lambda number: _talk(llama, number, turns), range(conversations)))
            return _cpu_seconds(llama.process.pid) - before


def _talk(llama: RealLlama, number: int, turns: int) -> None:
    prompt = f"{_SYSTEM}\nConversation {number}."
    for turn in range(turns):
        prompt += f"\nQuestion {turn}: what is {number} times {turn}?\nAnswer:"
        prompt += _ask(llama, prompt)


def _ask(llama: RealLlama, prompt: str) -> str:
    body = {"prompt": prompt, "n_predict": 16, "temperature": 0, "ignore_eos": True}
    headers = {
        "Authorization": f"Bearer {llama.key}",
        "X-Llmstack-Lease": "bench-1",
        "X-Llmstack-Salt": "bench",
    }
    request = urllib.request.Request(
        f"{llama.url}/completion", json.dumps(body).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["content"])


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def rows(plain: Path, given: argparse.Namespace) -> Iterator[list[str]]:
    """One of each server; the ratio is the median of those of neighbouring runs."""
    pairs = []
    for number in range(given.runs):
        programs = [plain, llama_server_binary()]
        order = programs if number % 2 == 0 else programs[::-1]
        found = {program: run(program, given.conversations, given.turns) for program in order}
        pairs.append((found[plain], found[programs[1]]))
    ratio = median(ours / theirs for theirs, ours in pairs)
    runs = str(given.runs)
    yield ["without the patch", f"{median(theirs for theirs, _ in pairs):.2f}", runs, "1.000", ""]
    yield ["ours", f"{median(ours for _, ours in pairs):.2f}", runs, f"{ratio:.3f}", "≤ 1.02"]


def main() -> None:
    """Prints the table, or writes it to docs/security.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    size = f"--conversations {given.conversations} --turns {given.turns}"
    command = f"python -m bench.engine --runs {given.runs} {size} --plain PATH"
    lines = [HEAD, ("---",) * len(HEAD), *rows(given.plain, given)]
    text = dated("\n".join(f"| {' | '.join(line)} |" for line in lines), command)
    print(text)
    if given.write:
        put(text, PAGE, "salt")


if __name__ == "__main__":
    main()
