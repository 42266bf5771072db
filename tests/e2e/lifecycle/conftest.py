"""What these tests share: a cluster of their own with the previous version and a model in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack import previous, source
from tests.e2e.stack.fixtures import RESTRICTED, own_namespace
from tests.e2e.stack.release import NAMESPACE

from . import versions
from .life import Life


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The previous version, and a model with two replicas."""
    try:
        previous.tree(previous.previous())
    except previous.HistoryMissing as error:
        pytest.skip(str(error))
    started = BareCluster(tmp_path_factory.mktemp("life"), f"life-{secrets.token_hex(4)}")
    try:
        started.start()
        found = versions.load(started)
        started.kubectl("create", "namespace", NAMESPACE)
        started.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
        source.serve(started, found.current)
        with own_namespace(started, "life") as stack:
            life = Life(started, stack, found)
            life.install_previous()
            life.start_model()
            yield life
    finally:
        started.stop()
