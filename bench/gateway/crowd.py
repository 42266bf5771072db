"""How many streams does one process carry, and in how much memory?

The whole crowd at once through a process that was started for it alone.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.gateway import chunks, processes, proxies
from bench.gateway.report import Table


def table(work: Path, starts: Sequence[proxies.Start], streams: chunks.Streams) -> Table:
    """One run through each proxy; the largest resident size that its process had."""
    rows = []
    for start in starts:
        with (
            proxies.backend(slots=streams.count, interval=streams.interval) as replica,
            proxies.started([start], work, [replica]) as (proxy,),
        ):
            run = chunks.measure(proxy, streams)
            peak = f"{processes.peak_mb(proxy.pid):.0f} MB" if proxy.pid else "–"
        ours = proxy.name == "ours"
        wanted = "0 and ≤ 250 MB" if ours else ""
        cpu = f"{run.cpu:.1f}" if proxy.pid else "–"
        rows.append([proxy.name, str(run.broken), peak, wanted, cpu])
    options = f" --crowd {streams.count} --crowd-chunks {streams.chunks}"
    head = ["proxy", "wrong or broken streams", "peak resident memory", "wanted", "CPU s"]
    return Table("crowd", options, head, rows)
