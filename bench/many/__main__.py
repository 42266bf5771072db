"""The operator with 100, 500 and 1,000 LLMDeployments.

    python -m bench.many [--counts 100,500,1000] [--autoscaled] [--burst] [--write]

For each count, on an API server of its own with kwok's nodes (world.py):

- a burst: all are posted as fast as eight clients can; the time from each post until a watch shows
  its Deployment, and the calls of the operator until all are Ready;
- the same objects posted by a bare client (bare.py);
- a quiet minute: calls and CPU time of the operator, and its resident memory;
- ten more, one after the other, with all of these present; the same again right after the operator
  was started anew.

`--burst` measures the first alone. `--write` puts the table into docs/bench-many.md.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.gateway.report import percentile
from bench.many.bare import seconds_to_post
from bench.many.burst import DEPLOYMENTS, LLMDEPLOYMENTS, Seen, deployment, keys, post, watching
from bench.many.calls import Calls
from bench.many.process import cpu_seconds, resident_mib
from bench.many.world import World, world
from bench.page import dated, put

_PAGE = Path(__file__).parents[2] / "docs" / "bench-many.md"
_PATIENCE = 1800.0
_QUIET_SECONDS = 60.0
_SETTLE_SECONDS = 60.0
_MORE = 10
_STATUS = "patch llmdeployments/status"


@dataclass(frozen=True)
class Result:
    """What was measured with one number of deployments. Times in seconds."""

    count: int
    waits: list[float]
    whole: float
    """From the first post until the last Deployment was there."""
    missing: int
    """How many were not Ready when the patience ended."""
    calls: Counter[str]
    cpu: float
    """Of the operator, from the first post until all were Ready."""
    bare: float = 0.0
    objects: int = 0
    quiet: Counter[str] = field(default_factory=Counter)
    quiet_cpu: float = 0.0
    resident: float = 0.0
    more: list[float] = field(default_factory=list)
    restarted: list[float] = field(default_factory=list)


def measure(count: int, *, autoscaled: bool, burst: bool) -> Result:
    """One cluster, one operator, so many deployments."""
    with world() as here:
        calls, wanted = Calls(here.server.audit_log), keys(count)
        path = f"{LLMDEPLOYMENTS}/llmdeployments"
        with watching(here.api, DEPLOYMENTS) as made, watching(here.api, path) as told:
            began, worked = time.monotonic(), cpu_seconds(here.operator.pid)
            posted = post(here.api, [deployment(key, autoscaled=autoscaled) for key in wanted])
            made.wait(made.created, wanted, _PATIENCE)
            waits = [made.created[key] - posted[key] for key in wanted if key in made.created]
            whole = max(made.created.values()) - began
            missing = told.wait(told.ready, wanted, _PATIENCE)
            until_ready = calls.counted()
            worked = cpu_seconds(here.operator.pid) - worked
            _progress(
                f"{count}: all there after {whole:.1f} s, {missing} not Ready, "
                f"{worked:.1f} s of CPU"
            )
            if burst:
                return Result(count, waits, whole, missing, until_ready, worked)
            bare, objects = seconds_to_post(here.api)
            quiet, cpu = _quiet_minute(here)
            more = _one_by_one(here, made, "more")
            resident = resident_mib(here.operator.pid)
            again = _restarted(here)
            restarted = _one_by_one(again, made, "restarted")
    return Result(
        count,
        waits,
        whole,
        missing,
        until_ready,
        worked,
        bare,
        objects,
        quiet,
        cpu,
        resident,
        more,
        restarted,
    )


def _quiet_minute(here: World) -> tuple[Counter[str], float]:
    time.sleep(_SETTLE_SECONDS)
    calls, cpu = Calls(here.server.audit_log), cpu_seconds(here.operator.pid)
    time.sleep(_QUIET_SECONDS)
    return calls.counted(), cpu_seconds(here.operator.pid) - cpu


def _one_by_one(here: World, made: Seen, prefix: str) -> list[float]:
    waits = []
    for key in keys(_MORE, prefix):
        posted = post(here.api, [deployment(key, autoscaled=False)])
        made.wait(made.created, [key], _PATIENCE)
        waits.append(made.created[key] - posted[key])
    return waits


def _restarted(here: World) -> World:
    """The operator is stopped as the kubelet stops it, and another one leads."""
    here.operator.send(signal.SIGTERM)
    here.operator.wait()
    operator = here.installation.start("restarted")
    operator.wait_until("leading", 120)
    return World(here.server, here.installation, operator, here.api)


def table(results: list[Result], *, burst: bool) -> str:
    """One column for each count."""
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("burst → Deployment, p50 / p95", lambda r: _percentiles(r.waits)),
        ("… the last one after", lambda r: f"{r.whole:.1f} s"),
        ("API calls each until Ready", lambda r: f"{r.calls.total() / r.count:.1f}"),
        ("… of them writes of the status", lambda r: f"{r.calls[_STATUS] / r.count:.1f}"),
        ("CPU of the operator each until Ready", lambda r: f"{1000 * r.cpu / r.count:.0f} ms"),
        ("not Ready at the end", lambda r: str(r.missing)),
    ]
    rest: list[tuple[str, Callable[[Result], str]]] = [
        ("burst, of a bare client's time for all objects", lambda r: f"{r.whole / r.bare:.2f}"),
        ("a new one, p50 / p95 of 10", lambda r: _percentiles(r.more)),
        ("a new one right after a restart", lambda r: _percentiles(r.restarted)),
        ("calls in a quiet minute", lambda r: str(r.quiet.total())),
        ("CPU in a quiet minute", lambda r: f"{100 * r.quiet_cpu / _QUIET_SECONDS:.1f}%"),
        ("resident memory", lambda r: f"{r.resident:.0f} MiB"),
    ]
    head = " | ".join(str(result.count) for result in results)
    lines = [f"| LLMDeployments | {head} |", "|---|" + "---|" * len(results)]
    for what, cell in rows + ([] if burst else rest):
        lines.append(f"| {what} | {' | '.join(cell(result) for result in results)} |")
    return "\n".join(lines)


def _percentiles(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} / {percentile(values, 0.95):.2f} s"


def _progress(words: str) -> None:
    print(words, flush=True)


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.many")
    parser.add_argument("--counts", default="100,500,1000")
    parser.add_argument("--autoscaled", action="store_true")
    parser.add_argument("--burst", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    results = []
    for count in (int(part) for part in options.counts.split(",")):
        results.append(measure(count, autoscaled=options.autoscaled, burst=options.burst))
        _progress(f"{results[-1].calls}\nquiet: {results[-1].quiet}")
    also = " --burst" if options.burst else ""
    command = f"python -m bench.many --counts {options.counts}{also}"
    text = dated(table(results, burst=options.burst), command)
    print(text)
    if options.write:
        put(text, _PAGE)


if __name__ == "__main__":
    main()
