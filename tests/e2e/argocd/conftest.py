"""A cluster for Argo CD alone: it installs the stack there, and the run's has it from helm."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bare import BareCluster

from . import models
from .scene import Scene, begin, prepare


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Argo CD has been shown the root, and is at it."""
    cluster = BareCluster(tmp_path_factory.mktemp("argocd"), f"test-{secrets.token_hex(4)}")
    try:
        cluster.start()
        prepared = prepare(cluster, tmp_path_factory.mktemp("git"))
        for model in (models.steady, models.sleeper, models.busy):
            prepared.write(model(prepared.stack))
        begin(prepared)
        yield prepared
        prepared.apps.close()
    finally:
        cluster.stop()
