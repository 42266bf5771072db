"""Which kind of cluster is used, and what can every kind do?

CLUSTER=bare       one node in namespaces of this host (root on Linux)
CLUSTER=kind       kind, in a container engine
CLUSTER=existing   the cluster that kubectl points at; never chosen unasked
not set            kind where an engine and its node image are to be had, else bare
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .bare import BareCluster
from .errors import ClusterError
from .existing import ExistingCluster
from .kind import KindCluster, is_to_be_had
from .kubectl import Kubectl

HOME = Path(".cluster")


class Provider(Protocol):
    """A cluster, of whatever kind."""

    provider: str
    name: str
    kubeconfig: Path
    kubectl: Kubectl

    def start(self, detached: bool = False) -> None:
        """Starts it, unless it runs; ends with this process unless `detached`."""

    def stop(self) -> None:
        """Removes all of it; of an existing cluster nothing."""

    def running(self) -> bool:
        """Is it there?"""

    def load_image(self, ref: str, archive: Path) -> None:
        """Makes the image in an archive known to the nodes as `ref`."""

    def forward(self, namespace: str, service: str, port: int) -> str:
        """A URL on this host for a Service's port."""


PROVIDERS: dict[str, Callable[[Path, str], Provider]] = {
    "bare": BareCluster,
    "kind": KindCluster,
    "existing": ExistingCluster,
}


def choose(environ: Mapping[str, str], kind_is_to_be_had: Callable[[], bool] = is_to_be_had) -> str:
    """Which provider does this environment ask for?"""
    asked = environ.get("CLUSTER", "")
    if asked in PROVIDERS:
        return asked
    if asked:
        raise ClusterError(f"CLUSTER={asked} is unknown; use one of {', '.join(PROVIDERS)}.")
    return "kind" if kind_is_to_be_had() else "bare"


def start_cluster(name: str = "", detached: bool = False, home: Path = HOME) -> Provider:
    """Starts the cluster that belongs to `home`, or finds it running.

    Raises ClusterError, whose message says what to do. A cluster that is not `detached` ends when
    this process does.
    """
    there = attach(home)
    if there is not None and there.running():
        _refuse_another(there)
        there.start(detached)
        return there
    home.mkdir(parents=True, exist_ok=True)
    provider = choose(os.environ)
    cluster = PROVIDERS[provider](home, name or default_name(home))
    # Written first: whatever happens from here on, `stop` knows what to remove.
    record = json.dumps({"provider": provider, "name": cluster.name})
    (home / "state.json").write_text(record)
    cluster.start(detached)
    return cluster


def attach(home: Path = HOME) -> Provider | None:
    """The cluster that belongs to `home`, running or not; None where none was started."""
    try:
        record = json.loads((home / "state.json").read_text())
    except FileNotFoundError:
        return None
    return PROVIDERS[record["provider"]](home, record["name"])


def stop_cluster(home: Path = HOME) -> None:
    """Removes the cluster that belongs to `home` and what is known of it."""
    # Without a record there may still be a bare cluster: `git clean` removes no processes.
    cluster = attach(home) or BareCluster(home, default_name(home))
    cluster.stop()
    (home / "state.json").unlink(missing_ok=True)
    with suppress(OSError):  # others keep files there, too
        home.rmdir()


def _refuse_another(there: Provider) -> None:
    asked = os.environ.get("CLUSTER", "")
    # Somebody else's cluster is touched only by a command that names it.
    unasked = there.provider == "existing" and not asked
    if unasked or asked not in ("", there.provider):
        raise ClusterError(
            f"A cluster of the kind {there.provider} ({there.name}) is in use here. Set "
            f"CLUSTER={there.provider} to go on with it, or end its use with `make down` first."
        )


def default_name(home: Path) -> str:
    """A name that two checkouts on one host do not share."""
    return "llm-stack-" + hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]
