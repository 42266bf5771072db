"""`python -m tests.e2e.stack`: the steps behind the Makefile's targets.

up                       a cluster, the stack, the sample, a curl line
down                     all of it goes away
status                   how it stands
images                   builds the images and prints their names and archives
prepare                  builds all that the tests need
while-preparing COMMAND  runs COMMAND and prepares beside it
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

from .down import down
from .images import Build
from .prepare import prepare, while_preparing
from .steps import EXPECTED, Progress
from .up import status, up


def images() -> int:
    """Builds all images and says where they are."""
    for image in Build().wait().values():
        print(f"{image.ref}\n  {image.archive}")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Does what the first argument names; the exit status."""
    say = Progress(partial(print, flush=True))
    commands: dict[str, Callable[[], int]] = {
        "up": lambda: up(say),
        "down": lambda: down(say),
        "status": status,
        "images": images,
        "prepare": prepare,
        "while-preparing": lambda: while_preparing(arguments[1:]),
    }
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return command()
    except EXPECTED as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run it again: what is done stays done.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
