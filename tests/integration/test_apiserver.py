"""The API server of the integration tests is real, and goes away and comes back on request."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.e2e.cluster import versions
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.audit import about, entries, user


def test_it_is_the_version_that_the_cluster_runs(apiserver: ApiServer) -> None:
    assert f"v{versions.KUBERNETES}" in apiserver.kubectl("version")


def test_what_was_written_outlives_the_api_server(apiserver: ApiServer) -> None:
    apiserver.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    with apiserver.away(), apiserver.client() as client, pytest.raises(httpx.ConnectError):
        client.get("/readyz")
    assert apiserver.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"


def test_the_audit_log_shows_who_wrote_what(apiserver: ApiServer) -> None:
    apiserver.kubectl("create", "configmap", "audited", "--from-literal=a=b")
    log = entries(apiserver.audit_log)
    asked = [(entry["verb"], user(entry)) for entry in log if about(entry, "name") == "audited"]
    assert asked[:1] == [("create", "admin")]


def test_the_audit_log_has_no_name_for_whom_the_api_server_does_not_know(
    apiserver: ApiServer,
) -> None:
    with apiserver.client() as client:
        url = client.base_url.join("/api/v1/namespaces/default/configmaps/unknown")
    stranger = {"Authorization": "Bearer of-nobody"}
    assert httpx.get(url, headers=stranger, verify=False, trust_env=False).status_code == 401
    log = entries(apiserver.audit_log)
    assert {user(entry) for entry in log if entry["requestURI"] == url.path} == {""}


def test_a_user_without_roles_may_nothing(apiserver: ApiServer) -> None:
    kubeconfig = apiserver.kubeconfig_for("somebody")
    with pytest.raises(AssertionError, match="Forbidden"):
        apiserver.kubectl(f"--kubeconfig={kubeconfig}", "get", "pods")


def test_controllers_delete_what_an_owner_leaves(controllers: ApiServer) -> None:
    controllers.kubectl("create", "configmap", "owner")
    uid = controllers.kubectl("get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    child = {"metadata": {"name": "child", "ownerReferences": [owner]}}
    document = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **child})
    controllers.kubectl("apply", "-f", "-", stdin=document)
    controllers.kubectl("delete", "configmap", "owner")

    def gone() -> bool:
        return not controllers.kubectl("get", "configmap", "child", "--ignore-not-found")

    wait_until(gone, "the child to be deleted", seconds=60)
