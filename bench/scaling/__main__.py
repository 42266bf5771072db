"""How long do requests wait when replicas follow slots, and when they follow something else?

    python -m bench.scaling [--only TRACE] [--write]

`--write` puts the tables into docs/bench-scaling.md and the plot beside it.
"""

import argparse
from pathlib import Path

from bench.page import dated, put
from bench.scaling.plot import svg
from bench.scaling.report import details, shipped, verdicts
from bench.scaling.sweep import LOAD_SECONDS, run_case
from bench.scaling.traces import KINDS

_PAGE = Path(__file__).parents[2] / "docs" / "bench-scaling.md"
_PLOT = _PAGE.with_suffix(".svg")


def main() -> None:
    """Simulate, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling")
    parser.add_argument("--only", choices=tuple(KINDS), help="this trace alone; not written")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    names = [options.only] if options.only else list(KINDS)
    cases = [run_case(name, seconds) for name in names for seconds in LOAD_SECONDS]
    print(verdicts(cases), shipped(cases), details(cases), sep="\n\n")
    if options.write and not options.only:
        put(dated(verdicts(cases), "python -m bench.scaling"), _PAGE, "verdicts")
        put(shipped(cases), _PAGE, "shipped")
        put(details(cases), _PAGE, "details")
        _PLOT.write_text(svg(cases))


if __name__ == "__main__":
    main()
