"""Fixtures of the end-to-end tests: one cluster for the whole run, which ends with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.provider import Provider, start_cluster, stop_cluster
from tests.e2e.stack.fixtures import release, stack, stack_images

__all__ = ["bare", "cluster", "release", "stack", "stack_images"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The cluster that `CLUSTER` asks for; removed at the end, also when pytest is killed."""
    home = tmp_path_factory.mktemp("cluster")
    started = start_cluster(f"test-{secrets.token_hex(4)}", home=home)
    try:
        yield started
    finally:
        stop_cluster(home)


@pytest.fixture(scope="session")
def bare(cluster: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareCluster]:
    """A bare cluster, whatever `CLUSTER` says; the same one as `cluster` where that is bare."""
    if isinstance(cluster, BareCluster):
        yield cluster
        return
    started = BareCluster(tmp_path_factory.mktemp("bare"), f"test-{secrets.token_hex(4)}")
    try:
        started.start()
        yield started
    finally:
        started.stop()
