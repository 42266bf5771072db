"""Fixtures of the integration tests: one real API server for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.gate import Gate

# Not even in part without `make soak`: it takes kwok, which nothing else here needs, and minutes.
collect_ignore = [] if os.environ.get("LLMSTACK_SOAK") == "1" else ["test_many.py"]


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """etcd and kube-apiserver, ready; each test uses a namespace or names of its own."""
    with ApiServer.running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def crd(apiserver: ApiServer) -> ApiServer:
    """The API server with the project's CRDs served."""
    apiserver.apply_crds()
    return apiserver


@pytest.fixture(scope="session")
def gate(crd: ApiServer) -> Iterator[Gate]:
    """What the API server says to LLMDeployments."""
    judge = Gate(crd)
    try:
        yield judge
    finally:
        judge.close()


@pytest.fixture(scope="module")
def controllers(apiserver: ApiServer) -> Iterator[ApiServer]:
    """The API server with the controller-manager at work."""
    with apiserver.controllers():
        yield apiserver
