"""Builds every image, or those that are named, and prints their references."""

from __future__ import annotations

import sys
import time

from . import NAMES, build


def main(names: list[str]) -> None:
    for name in names or NAMES:
        started = time.monotonic()
        image = build(name)
        seconds = time.monotonic() - started
        megabytes = image.archive.stat().st_size / 1e6
        print(f"{image.ref}  {megabytes:.0f} MB  {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
