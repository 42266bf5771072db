"""What does an operator do that cannot begin? It says what is missing, and waits if that helps."""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, Process, installed
from tests.support.numbered import numbered


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own, that has no CRDs yet."""
    with ApiServer.running(tmp_path_factory.mktemp("bare-apiserver")) as server:
        yield server


@pytest.fixture
def stack(bare: ApiServer, tmp_path: Path) -> Iterator[Installation]:
    name = numbered("start")
    with installed(bare, name, tmp_path) as installation:
        yield installation


def says(process: Process, words: str) -> bool:
    return words in process.log.read_text()


def test_told_to_end_while_it_waits_for_the_crds_it_ends(stack: Installation) -> None:
    operator = stack.start("waiting")
    wait_until(lambda: says(operator, "are the CRDs of crds/ applied?"), "the hint", 30)
    assert operator.ready_as() == ""
    operator.send(signal.SIGTERM)
    assert operator.wait() == 0
    assert stack.holder() == ""


def test_a_root_secret_that_is_broken_is_not_overwritten(stack: Installation) -> None:
    name, short = stack.env["LLMSTACK_ROOT_SECRET"], base64.b64encode(b"short").decode()
    space = Namespace(stack.server, stack.namespace)
    space.kubectl("create", "secret", "generic", name, "--from-literal=root=short")
    operator = stack.start("refusing")
    assert operator.wait() == 1
    assert says(operator, "holds no usable root: restore it from a backup, or delete it")
    assert space.need("secret", name)["data"] == {"root": short}


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LLMSTACK_IMAGE_FETCH", "", "LLMSTACK_IMAGE_FETCH is not set"),
        ("LLMSTACK_WORKERS", "many", "LLMSTACK_WORKERS must be a number"),
        ("KUBECONFIG", "/does/not/exist", "KUBECONFIG /does/not/exist cannot be used"),
    ],
)
def test_wrong_settings_are_named(
    stack: Installation, variable: str, value: str, words: str
) -> None:
    operator = stack.start("wrong", **{variable: value})
    assert operator.wait() == 2
    assert says(operator, words)


def test_before_the_crds_are_applied_it_waits_for_them(stack: Installation) -> None:
    """The last one here: from now on the API server has them."""
    operator = stack.start("early")
    wait_until(lambda: says(operator, "are the CRDs of crds/ applied?"), "the hint", 30)
    stack.server.apply_crds()
    space = Namespace(stack.server, stack.namespace)
    space.apply()
    space.wait_for_children()
    operator.wait_until("leading")
    assert operator.running
