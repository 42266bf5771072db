"""What do the notes of an install say of the keys? Asked of a real API server."""

from __future__ import annotations

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import NAMESPACE, install
from tests.integration.chart.helm import IMAGES

KEYS = "gateway.auth.keysSecretRef.name=client-keys"
MISSING = "The Secret client-keys with the API keys does not exist in namespace llm-stack"
WHERE = ("client-keys", "--namespace=llm-stack")


@pytest.fixture
def namespace(empty: ApiServer) -> ApiServer:
    name = NAMESPACE["metadata"]["name"]
    if not empty.kubectl("get", "namespace", name, "--ignore-not-found"):
        empty.kubectl("create", "namespace", name)
    return empty


def notes(cluster: ApiServer, *values: str) -> str:
    done = install(cluster, *IMAGES, *values)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.partition("NOTES:")[2].split())


def test_a_secret_of_keys_that_is_missing_is_named(namespace: ApiServer) -> None:
    assert MISSING in notes(namespace, KEYS)

    namespace.kubectl("create", "secret", "generic", *WHERE, "--from-literal=a=b")
    try:
        assert MISSING not in notes(namespace, KEYS)
    finally:
        namespace.kubectl("delete", "secret", *WHERE)


def test_where_no_keys_are_asked_for_that_is_said(namespace: ApiServer) -> None:
    assert "The gateway requires no API key" in notes(namespace)
