"""Where does the time go from an apply to Ready, and from the first request to the first token?

    python -m bench.starts [--starts 5] [--wakes 5] [--part after] [--write]

On a bare cluster of its own, as bench.stack has it, with the model in the cache. `--write` puts
both tables into the part of docs/bench-stack.md that `--part` names.
"""

import argparse
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx

from bench.page import dated, put
from bench.stack import SPACE, apply, installed, load_seconds, ready
from bench.starts import timeline
from bench.starts.node import line_with, runtime_marks
from bench.starts.timeline import Marks, Stage
from bench.starts.watching import Watches
from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.processes import wait_until
from tests.e2e.scaling.models import CACHE, listed, sleeper
from tests.e2e.scaling.streams import Client, text_of
from tests.e2e.stack.release import GATEWAY, NAMESPACE
from tests.e2e.stack.stack import Stack

_PAGE = Path(__file__).parents[2] / "docs" / "bench-stack.md"
_SLEEPER = "sleeper"
_TEXT = text_of(40)


class Bench:
    """Starts and wakes on one cluster."""

    def __init__(self, cluster: BareCluster, stack: Stack, api: httpx.Client) -> None:
        self._cluster = cluster
        self._stack = stack
        self._api = api

    def start(self, name: str) -> tuple[Marks, float]:
        """The moments from the apply to Ready, and the server's own load time."""
        watches = Watches(self._api, SPACE, name)
        _at_any_moment()
        watches.marks.put("began", time.time())
        apply(self._api, self._stack.sample(name, cache=CACHE))
        watches.marks.wait_for("pod ready", "Ready")
        return self._whole(name, watches)

    def wake(self, client: Client, name: str = _SLEEPER) -> tuple[Marks, float]:
        """The moments from the first request to its first token, and the load time."""
        self._stack.wait(name, "Ready", "True", "ScaledToZero")
        wait_until(partial(_no_pods, self._stack, name), "no pod", 60)
        wait_until(lambda: listed(self._stack, name)["state"] == "sleeping", "sleep", 30)
        watches = Watches(self._api, SPACE, name)
        skew = time.time() - time.monotonic()
        _at_any_moment()
        answer = client.stream(_TEXT)
        if answer.error:
            raise SystemExit(answer.error)
        watches.marks.put("began", answer.began + skew)
        watches.marks.put("first token", answer.first + skew)
        again = client.stream(_TEXT)
        watches.marks.put("asked again", again.began + skew)
        watches.marks.put("token again", again.first + skew)
        watches.marks.wait_for("pod ready")
        return self._whole(name, watches)

    def _whole(self, name: str, watches: Watches) -> tuple[Marks, float]:
        """With what the node and the logs tell."""
        pod, log = watches.marks.pod, self._cluster.directory / "log" / "containerd.log"
        return {
            **watches.marks.found,
            **runtime_marks(log.read_text(), pod),
            "fetch ended": self._line(f"pod/{pod}", '"event": "ready"', "--container=fetch"),
            "loaded": self._line(f"pod/{pod}", "model loaded", "--container=llama-server"),
            "gateway": self._line(
                f"deployment/{GATEWAY}", f"replica {pod} ", f"--namespace={NAMESPACE}", up=True
            ),
        }, load_seconds(self._stack, name)

    def _line(self, of: str, words: str, *options: str, up: bool = False) -> float:
        lines = self._stack.kubectl("logs", of, "--timestamps", *options).splitlines()
        return line_with((line for line in lines if not up or " is up " in line), words)


def _at_any_moment() -> None:
    """Waits up to a second.

    The kubelet looks once a second. What was waited for before came of such a look, so without this
    each start would begin at the same distance from the next.
    """
    time.sleep(random.random())


def _no_pods(stack: Stack, name: str) -> bool:
    return not stack.pods(name)


def table(
    runs: Sequence[tuple[Marks, float]], wanted: Sequence[Stage], besides: Sequence[Stage]
) -> str:
    """Each stage, the whole, and what of it is over the load time."""
    marks, loads = [run for run, _ in runs], [load for _, load in runs]
    whole = [run[wanted[-1].mark] - run["began"] for run in marks]
    over = [all_of_it - load for all_of_it, load in zip(whole, loads, strict=True)]
    rows = [
        *timeline.stages(marks, wanted),
        ("**the whole**", whole),
        ("… of which llama-server loads, as it says", loads),
        ("**over the load time**", over),
        *timeline.beside(marks, besides),
    ]
    lines = [f"| {what} | {timeline.shown(seconds)} |" for what, seconds in rows]
    return "\n".join(["| what | median (range) |", "|---|---|", *lines])


def measure(starts: int, wakes: int) -> tuple[str, str]:
    """The tables of apply → Ready and of zero → first token."""
    with installed() as (cluster, stack), cluster.client() as api:
        bench = Bench(cluster, stack, api)
        ready(api, stack, "fills-the-cache")
        stack.delete("fills-the-cache")
        begun = []
        for index in range(starts):
            begun.append(bench.start(name := f"start-{index}"))
            stack.delete(name)
            wait_until(partial(_no_pods, stack, name), "no pod", 90)
        stack.apply(sleeper(stack, _SLEEPER))
        client = Client.of(stack, _SLEEPER)
        woken = [bench.wake(client) for _ in range(wakes)]
    return (
        table(begun, timeline.READY, timeline.BESIDE_READY),
        table(woken, timeline.TOKEN, timeline.BESIDE_TOKEN),
    )


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.starts")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--wakes", type=int, default=5)
    parser.add_argument("--part", default="after", choices=("before", "after"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    start, wake = measure(options.starts, options.wakes)
    command = f"python -m bench.starts --starts {options.starts} --wakes {options.wakes}"
    text = dated(f"apply → Ready:\n\n{start}\n\nzero → first token:\n\n{wake}", command)
    print(text)
    if options.write:
        put(text, _PAGE, options.part)


if __name__ == "__main__":
    main()
