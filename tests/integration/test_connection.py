"""Does a real API server know us, however a kubeconfig or a pod says who we are?"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmstack.kube.client import KubeClient
from llmstack.kube.cluster_access import ClusterAccess, connect
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import NODE
from llmstack.kube.transport import Transport
from tests.integration.apiserver import ApiServer

ACCOUNT = "system:serviceaccount:default:reader"


@pytest.fixture(scope="module")
def server(apiserver: ApiServer) -> ApiServer:
    return apiserver


@pytest.fixture(scope="module")
def token(server: ApiServer) -> str:
    """Of a service account without rights."""
    server.kubectl("create", "serviceaccount", "reader")
    return server.kubectl("create", "token", "reader").strip()


def kubeconfig(server: ApiServer, directory: Path, user: dict[str, Any], **cluster: Any) -> str:
    """The administrator's, with another user."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = user
    config["clusters"][0]["cluster"] |= cluster
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


def administrator(server: ApiServer) -> dict[str, Any]:
    user: dict[str, Any] = yaml.safe_load(server.kubeconfig.read_text())["users"][0]["user"]
    return user


@asynccontextmanager
async def client(connection: ClusterAccess) -> AsyncIterator[KubeClient]:
    transport = Transport(connection, "test", 20, lambda: None, lambda *_: None)
    try:
        yield KubeClient(transport)
    finally:
        await transport.close()


async def refused(connection: ClusterAccess) -> str:
    """Whom the API server says that it refuses."""
    async with client(connection) as kube:
        with pytest.raises(ApiError) as caught:
            await kube.list(NODE)
    return str(caught.value)


async def test_the_token_of_a_file(server: ApiServer, tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(f"{token}\n")
    path = kubeconfig(server, tmp_path, {"tokenFile": "token"})
    assert f'User "{ACCOUNT}" cannot list' in await refused(await connect(path, {}))


async def test_the_account_of_a_pod(server: ApiServer, tmp_path: Path, token: str) -> None:
    host, _, port = server.url.removeprefix("https://").partition(":")
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_bytes((server.pki / "ca.crt").read_bytes())
    env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    assert f'User "{ACCOUNT}" cannot list' in await refused(await connect("", env, tmp_path))


async def test_acting_as_somebody_else(server: ApiServer, tmp_path: Path) -> None:
    user = {**administrator(server), "as": "jane", "as-groups": ["devs"]}
    connection = await connect(kubeconfig(server, tmp_path, user), {})
    assert 'User "jane" cannot list' in await refused(connection)


@pytest.mark.parametrize("kind", ["certificate", "token"])
async def test_a_login_plugin(server: ApiServer, tmp_path: Path, token: str, kind: str) -> None:
    given = {"token": token}
    if kind == "certificate":
        certificate, key = (server.pki / f"admin.{part}" for part in ("crt", "key"))
        given = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps({**answer, 'status': given})!r})\n")
    plugin.chmod(0o755)
    run = {"apiVersion": answer["apiVersion"], "command": "./plugin"}
    connection = await connect(kubeconfig(server, tmp_path, {"exec": run}), {})
    if kind == "token":
        assert f'User "{ACCOUNT}" cannot list' in await refused(connection)
        return
    async with client(connection) as kube:
        await kube.list(NODE)


async def test_another_name_than_the_address_has(server: ApiServer, tmp_path: Path) -> None:
    """The certificate of the API server is for `kubernetes`, too."""
    user = administrator(server)
    right = kubeconfig(server, tmp_path, user, **{"tls-server-name": "kubernetes"})
    async with client(await connect(right, {})) as kube:
        await kube.list(NODE)
    wrong = kubeconfig(server, tmp_path, user, **{"tls-server-name": "elsewhere"})
    assert "certificate" in await refused(await connect(wrong, {}))
