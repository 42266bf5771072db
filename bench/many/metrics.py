"""The metrics API under as many questions as 1,000 HorizontalPodAutoscalers ask.

    python -m bench.many.metrics [--deployments 1000] [--rate 67] [--seconds 60]

A real gateway tells the load of real LLMDeployments; two operators answer through a real API
server. 1,000 autoscalers at the default period of 15 s ask 67 times a second. Half way one of the
operators is killed, and its endpoint goes a second later, as a readiness probe would notice.

Prints the answers that were good, their times, and the CPU time of an operator per answer.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.gateway.report import percentile
from bench.many.burst import deployment, post
from bench.many.process import cpu_seconds
from bench.many.world import AS_SHIPPED
from bench.page import Row, write_table
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.metrics_api import TEAM, Metrics, value_path
from tests.integration.operators import installed

_ASKING = 16
_START_SECONDS = 300.0


@dataclass
class Answers:
    """Seconds of each good answer, and how many of each status there were."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return 1000 * percentile(self.seconds, share)


def ask(metrics: Metrics, names: list[str], rate: float, seconds: float) -> Answers:
    """Asks for one deployment after the other at that rate, however long an answer takes."""
    answers, lock = Answers(), threading.Lock()

    def one(name: str) -> None:
        began = time.monotonic()
        try:
            status = metrics.get(value_path("slot_utilization", name)).status_code
        except httpx.TransportError:
            status = 0
        with lock:
            answers.statuses[status] += 1
            if status == httpx.codes.OK:
                answers.seconds.append(time.monotonic() - began)

    began = time.monotonic()
    with ThreadPoolExecutor(_ASKING) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            pool.submit(one, names[number % len(names)])
    return answers


def measure(deployments: int, rate: float, seconds: float) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(prefix="many-") as home:
        directory = Path(home)
        with ApiServer.running(directory) as server, server.client() as api:
            server.apply_crds()
            server.kubectl("create", "namespace", TEAM)
            keys = [(TEAM, f"model-{number}") for number in range(deployments)]
            post(api, [deployment(key, autoscaled=True) for key in keys])
            with installed(server, "metrics", directory, everywhere=True, metrics=True) as stack:
                stack.env |= AS_SHIPPED
                metrics = Metrics(stack, directory)
                try:
                    return _asked(metrics, [name for _, name in keys], rate, seconds)
                finally:
                    metrics.close()


def _asked(metrics: Metrics, names: list[str], rate: float, seconds: float) -> list[Row]:
    first = metrics.operator("one").wait_until("leading", _START_SECONDS)
    second = metrics.operator("two").wait_until("standing by", _START_SECONDS)
    last = value_path("slot_utilization", names[-1])
    wait_until(lambda: metrics.get(last).is_success, "the last one's metric", _START_SECONDS)
    before = cpu_seconds(second.pid)
    both = ask(metrics, names, rate, seconds)
    used = cpu_seconds(second.pid) - before
    first.close()
    gone = threading.Timer(1.0, metrics.lead_away, ("one",))
    gone.start()
    alone = ask(metrics, names, rate, seconds)
    gone.join()
    answered = sum(both.statuses.values())
    return [
        Row("questions in a second", f"{rate:.0f}", "67"),
        Row("good answers of two operators", f"{len(both.seconds)} of {answered}", "all"),
        Row("… p50 / p99", f"{both.percentile(0.5):.1f} / {both.percentile(0.99):.1f} ms", ""),
        Row("CPU of the one that stands by, per answer of its half", _cpu(used, answered), ""),
        Row("good answers while one is killed", _shares(alone), ""),
        Row("… p50 / p99", f"{alone.percentile(0.5):.1f} / {alone.percentile(0.99):.1f} ms", ""),
    ]


def _cpu(used: float, answered: int) -> str:
    return f"{1000 * used / (answered / 2):.2f} ms"


def _shares(answers: Answers) -> str:
    return f"{len(answers.seconds)} of {sum(answers.statuses.values())}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.many.metrics")
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=67)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    rows = measure(options.deployments, options.rate, options.seconds)
    write_table(rows, f"python -m bench.many.metrics --deployments {options.deployments}", None)


if __name__ == "__main__":
    main()
