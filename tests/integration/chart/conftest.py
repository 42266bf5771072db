"""An API server of the chart's tests: they take definitions away that others need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart import definitions


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """etcd and kube-apiserver, ready, without any of the project's definitions."""
    with ApiServer.running(tmp_path_factory.mktemp("chart")) as server:
        yield server


@pytest.fixture
def empty(cluster: ApiServer) -> Iterator[ApiServer]:
    """The same, and what definition the test brings goes with it."""
    definitions.remove(cluster)
    yield cluster
    definitions.remove(cluster)
