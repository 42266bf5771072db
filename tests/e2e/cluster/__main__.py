"""`python -m tests.e2e.cluster start|stop|status [HOME]`: a cluster that outlives the command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .errors import ClusterError
from .provider import HOME, attach, start_cluster, stop_cluster


def main(arguments: list[str]) -> int:
    """Does what is asked; a ClusterError is for the user to read, so it is printed without more."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.cluster", description=__doc__)
    parser.add_argument("what", choices=("start", "stop", "status"))
    parser.add_argument("home", nargs="?", type=Path, default=HOME, help="default: %(default)s")
    asked = parser.parse_args(arguments)
    try:
        return {"start": _start, "stop": _stop, "status": _status}[asked.what](asked.home)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1


def _start(home: Path) -> int:
    cluster = start_cluster(detached=True, home=home)
    print(f"The {cluster.provider} cluster is ready: export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _stop(home: Path) -> int:
    stop_cluster(home)
    return 0


def _status(home: Path) -> int:
    cluster = attach(home)
    if cluster is None or not cluster.running():
        print("No cluster is running.")
        return 1
    print(f"The {cluster.provider} cluster runs: export KUBECONFIG={cluster.kubeconfig}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
