"""Does the gateway know what the cluster has, with no right but its own, and without its help?

On a real API server; its controllers make the EndpointSlices where it says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmstack.api.resource import parse
from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER, SERVICE_LABEL
from llmstack.desired.secret import build_root_secret, load_key, server_key
from llmstack.desired.service import build_replicas_service
from llmstack.gateway.catalog import Model
from llmstack.gateway.cluster import ClusterSource
from llmstack.gateway.keys import Keys, line_for
from llmstack.kube.cluster_access import connect
from llmstack.settings.gateway import GatewaySettings
from tests.e2e.cluster.sites import free_ports
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.support import waiting

_until = partial(waiting.until, seconds=60)
Object = dict[str, Any]
ROOT = b"0123456789abcdef" * 2
_numbers = count()


def rights(namespace: str, user: str) -> list[Object]:
    """Those that the chart gives: its two Secrets by name, and nothing to write."""
    return [
        _role("ClusterRole", user, {}, _rule("llmstack.dev", "llmdeployments"), _slices()),
        _binding("ClusterRoleBinding", "ClusterRole", user, {}),
        _role(
            "Role",
            user,
            {"namespace": namespace},
            {**_rule("", "secrets"), "resourceNames": ["root", "keys"]},
        ),
        _binding("RoleBinding", "Role", user, {"namespace": namespace}),
    ]


def _slices() -> Object:
    return _rule("discovery.k8s.io", "endpointslices")


def _rule(group: str, resource: str) -> Object:
    return {"apiGroups": [group], "resources": [resource], "verbs": ["get", "list", "watch"]}


def _role(kind: str, name: str, place: Object, *rules: Object) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, **place},
        "rules": list(rules),
    }


def _binding(kind: str, role: str, user: str, place: Object) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": user, **place},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": user},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }


class Cluster:
    """A namespace of the API server, and a user with the gateway's rights in it."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.namespace = f"source-{next(_numbers)}"
        server.kubectl("create", "namespace", self.namespace)
        self.space = Namespace(server, self.namespace)
        user = f"gateway-{self.namespace}"
        self._write(*rights(self.namespace, user))
        self._kubeconfig: Path = server.kubeconfig_for(user)

    @property
    def env(self) -> dict[str, str]:
        """The settings of a gateway that follows this namespace alone."""
        return {
            "POD_NAMESPACE": self.namespace,
            "LLMSTACK_NAMESPACES": self.namespace,
            "LLMSTACK_ROOT_SECRET": "root",
            "KUBECONFIG": str(self._kubeconfig),
        }

    def settings(self, **env: str) -> GatewaySettings:
        return GatewaySettings.from_env({**self.env, **env})

    async def apply(self, name: str = "qwen", **spec: Any) -> None:
        await asyncio.to_thread(self.space.apply, name, **spec)

    async def write(self, *bodies: Object) -> None:
        await asyncio.to_thread(self._write, *bodies)

    async def kubectl(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.space.kubectl, *arguments)

    async def delete(self, kind: str, name: str) -> None:
        await self.kubectl("delete", kind, name, "--now")

    async def root(self, root: bytes = ROOT) -> None:
        await self.write(build_root_secret(self.namespace, "root", root))

    async def replicas(self, *names: str, of: str = "qwen", ready: bool = True) -> None:
        """An EndpointSlice with these pods, at 10.0.0.1 and so on."""
        await self.write(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{of}-replicas-x",
                    "namespace": self.namespace,
                    "labels": {SERVICE_LABEL: f"{of}-replicas", MANAGED_BY_LABEL: MANAGER},
                },
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 8080}],
                "endpoints": [
                    {
                        "addresses": [f"10.0.0.{number}"],
                        "conditions": {"ready": ready},
                        "targetRef": {"kind": "Pod", "name": name},
                    }
                    for number, name in enumerate(names, 1)
                ],
            }
        )

    async def keys(self, **entries: str) -> None:
        await self.write(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "keys", "namespace": self.namespace},
                "stringData": entries,
            }
        )

    def _write(self, *bodies: Object) -> None:
        # Whole lists at once: an apply would leave entries that are no longer named.
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)})
        self.server.kubectl("apply", "-f", "-", stdin=text)


@pytest.fixture
def cluster(crd: ApiServer) -> Iterator[Cluster]:
    made = Cluster(crd)
    yield made
    made.space.kubectl("delete", "llmd", "--all", "--now")


class Followed:
    """A source at work, and how often it told of something new."""

    def __init__(self, source: ClusterSource) -> None:
        self.source = source
        self.told = 0
        self._changes = asyncio.Event()

    def changed(self) -> None:
        self.told += 1
        self._changes.set()

    async def until(self, true: Callable[[ClusterSource], bool]) -> None:
        """Until it tells of such a state."""
        async with asyncio.timeout(60):
            while not (self.told and true(self.source)):
                self._changes.clear()
                await self._changes.wait()

    async def has(self, *names: str) -> None:
        """Until these models are there, with these replicas that accept requests."""
        await self.until(lambda source: described(source.catalog.models) == sorted(names))


def described(models: tuple[Model, ...]) -> list[str]:
    """`name` or `name: replicas`, those in brackets that accept no requests."""
    return [
        ": ".join(
            filter(
                None,
                (
                    model.name,
                    " ".join(b.id if b.accepting else f"({b.id})" for b in model.backends),
                ),
            )
        )
        for model in models
    ]


@asynccontextmanager
async def followed(settings: GatewaySettings) -> AsyncIterator[Followed]:
    made = Followed(ClusterSource(settings, await connect(settings.kubeconfig, {})))
    task = asyncio.create_task(made.source.follow(made.changed))
    try:
        yield made
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_catalog_follows_deployments_and_replicas(cluster: Cluster) -> None:
    await cluster.root()
    async with followed(cluster.settings()) as it:
        await it.has()
        await cluster.apply("qwen", model={"source": "http://m/m.gguf", "aliases": ["gpt"]})
        await it.has("qwen")
        await cluster.replicas("qwen-0", "qwen-1")
        await it.has("qwen: qwen-0 qwen-1")
        await cluster.apply("phi", queue={"maxRequests": 3})
        await it.has("phi", "qwen: qwen-0 qwen-1")
        await cluster.replicas("qwen-1", ready=False)
        await it.has("phi", "qwen: (qwen-1)")
        await cluster.delete("llmd", "qwen")
        await it.has("phi")
        assert it.source.catalog.models[0].queue.max_requests == 3


async def test_servers_are_reached_by_the_key_that_the_operator_gave_them(
    cluster: Cluster,
) -> None:
    await cluster.root()
    await cluster.apply()
    await cluster.replicas("qwen-0")
    uid = await cluster.kubectl("get", "llmd", "qwen", "-o", "jsonpath={.metadata.uid}")
    async with followed(cluster.settings()) as it:
        await it.has("qwen: qwen-0")
        (model,) = it.source.catalog.models
        assert model.backends[0].key == server_key(ROOT, cluster.namespace, "qwen", uid)
        assert it.source.load_key == load_key(ROOT)


async def test_nothing_is_told_until_the_root_is_there(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await cluster.apply()
    async with followed(cluster.settings()) as it:
        await _until(lambda: "waiting for the operator" in caplog.text)
        assert it.told == 0
        await cluster.root()
        await it.has("qwen")
        await cluster.delete("secret", "root")
        await _until(lambda: "keeping the previous root" in caplog.text)
        await cluster.apply("phi")
        await it.has("phi", "qwen")
        assert it.source.load_key == load_key(ROOT)


async def test_keys_of_clients_are_taken_at_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await cluster.root()

    def tenants(keys: Keys | None) -> set[str]:
        assert keys is not None
        return set(keys.tenants)

    async with followed(cluster.settings(LLMSTACK_KEYS_SECRET="keys")) as it:
        await it.has()
        assert it.source.keys == Keys(missing=True)
        assert "all requests are rejected" in caplog.text
        await cluster.keys(a=line_for("sk-a", "team-a"))
        await it.until(lambda source: tenants(source.keys) == {"team-a"})
        await cluster.keys(a=line_for("sk-a", "team-a"), b=line_for("sk-b", "team-b"))
        await it.until(lambda source: tenants(source.keys) == {"team-a", "team-b"})
        assert it.source.keys is not None
        assert it.source.keys.tenant("Bearer sk-b") == "team-b"
        await cluster.keys(a="sk-a in the clear", b=line_for("sk-b", "team-b"))
        await it.until(lambda source: tenants(source.keys) == {"team-b"})
        assert "keys, a, line 1" in caplog.text
        assert "in the clear" not in caplog.text
        await cluster.delete("secret", "keys")
        await it.until(lambda source: tenants(source.keys) == set())


async def test_without_a_secret_for_keys_everyone_may_come_in(cluster: Cluster) -> None:
    await cluster.root()
    async with followed(cluster.settings()) as it:
        await it.has()
        assert it.source.keys is None


async def test_all_namespaces_are_followed_where_none_is_named(
    cluster: Cluster, crd: ApiServer
) -> None:
    other = Cluster(crd)
    await cluster.root()
    await cluster.apply("here")
    await other.apply("there")
    async with followed(cluster.settings()) as it:
        await it.has("here")
    async with followed(cluster.settings(LLMSTACK_NAMESPACES="")) as it:
        ids = {f"{cluster.namespace}/here", f"{other.namespace}/there"}
        await it.until(lambda source: ids <= source.catalog.by_id.keys())
    await other.delete("llmd", "there")


async def test_what_is_known_stays_while_the_api_server_is_away(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await cluster.root()
    await cluster.apply()
    await cluster.replicas("qwen-0")
    async with followed(cluster.settings()) as it:
        await it.has("qwen: qwen-0")
        told = it.told
        await asyncio.to_thread(cluster.server.stop)
        try:
            await _until(lambda: "watching llmdeployments" in caplog.text)
            await _until(lambda: "watching endpointslices" in caplog.text)
            assert described(it.source.catalog.models) == ["qwen: qwen-0"]
            assert it.told == told
        finally:
            await asyncio.to_thread(cluster.server.start)
        await cluster.replicas("qwen-0", "qwen-1")
        await it.has("qwen: qwen-0 qwen-1")
        await cluster.delete("llmd", "qwen")
        await it.has()


async def test_the_cluster_itself_lists_the_replicas_of_our_service(
    cluster: Cluster, controllers: ApiServer
) -> None:
    await cluster.root()
    await cluster.apply()
    body = json.loads(await cluster.kubectl("get", "llmd", "qwen", "-o", "json"))
    service = build_replicas_service(parse(body))
    pods = [_pod(f"qwen-{n}", cluster.namespace, service["spec"]["selector"]) for n in range(2)]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": cluster.namespace}}
    async with followed(cluster.settings()) as it:
        await cluster.write(node, service, *pods)
        # It loads its model: it may have requests as soon as it answers.
        await _runs(cluster, "qwen-0", "10.1.0.1", ready=False)
        await it.has("qwen: qwen-0")
        assert not it.source.catalog.models[0].backends[0].ready
        for number, pod in enumerate(pods):
            await _runs(cluster, pod["metadata"]["name"], f"10.1.0.{number + 1}", ready=True)
        await it.has("qwen: qwen-0 qwen-1")
        backend = it.source.catalog.models[0].backends[1]
        assert (backend.host, backend.port) == ("10.1.0.2", 8080)
        await _runs(cluster, "qwen-0", "10.1.0.1", ready=False)
        await it.has("qwen: (qwen-0) qwen-1")
        # A pod that drains: it is told to end, and the node has not ended it yet.
        await cluster.kubectl("delete", "pod", "qwen-1", "--wait=false")
        await it.has("qwen: (qwen-0) (qwen-1)")
        await cluster.kubectl("delete", "pod", "qwen-1", "--force")
        await it.has("qwen: (qwen-0)")
    await cluster.delete("node", cluster.namespace)


def _pod(name: str, namespace: str, labels: dict[str, str]) -> Object:
    container = {
        "name": "llama-server",
        "image": "llama-server",
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": namespace, "containers": [container]},
    }


async def _runs(cluster: Cluster, name: str, address: str, *, ready: bool) -> None:
    """What a kubelet would say of the pod."""
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": str(ready)}],
    }
    patch = json.dumps({"status": status})
    await cluster.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)


def not_ready(generation: int, reason: str, message: str) -> str:
    """A status as the operator writes it, for kubectl."""
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": generation,
    }
    return json.dumps({"status": {"conditions": [condition], "replicas": 1}})


@asynccontextmanager
async def served(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway's process that follows the cluster, and a client of it."""
    port, admin = free_ports(2)
    ports = {"LLMSTACK_HTTP_PORT": str(port), "LLMSTACK_ADMIN_PORT": str(admin)}
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "llmstack", "gateway"),
        env={**os.environ, **cluster.env, **ports},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


async def test_a_model_that_cannot_come_up_is_refused_at_once_with_the_reason(
    cluster: Cluster,
) -> None:
    """As the operator's status tells it; once the spec is another one, requests wait again."""
    body = {"model": "qwen", "messages": [{"role": "user", "content": "hello"}]}
    queue = {"coldStartTimeoutSeconds": 1}
    await cluster.root()
    await cluster.apply(replicas=0)
    async with served(cluster) as client:

        async def says(code: str, words: str) -> bool:
            try:
                answer = await client.post("/v1/chat/completions", json=body)
            except httpx.TransportError:
                return False
            error = answer.json()["error"]
            assert answer.status_code in (404, 503), answer.text
            return error["code"] == code and words in error["message"]

        await _until_true(lambda: says("cannot_start", "Stopped: spec.replicas is 0"))
        await cluster.apply(replicas=1, queue=queue)
        await _until_true(lambda: says("no_replica", "within 1 s"))
        newest = cluster.space.need("llmd", "qwen")["metadata"]["generation"]
        status = not_ready(newest, "SourceNotFound", "no such file")
        patch = ("patch", "llmd", "qwen", "--subresource=status", "--type=merge", "-p", status)
        await cluster.kubectl(*patch)
        await _until_true(lambda: says("cannot_start", "SourceNotFound: no such file"))
        await cluster.apply(replicas=1, queue=queue, slots=2)
        await _until_true(lambda: says("no_replica", "within 1 s"))


async def _until_true(asked: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(60):
        while not await asked():  # noqa: ASYNC110 - another process has no event here
            await asyncio.sleep(0.1)


async def test_gateways_find_each_other_and_are_no_replicas(cluster: Cluster) -> None:
    """Ready or not: one that stops, or does not know its models yet, is a peer all the same."""
    await cluster.root()
    await cluster.apply()
    await cluster.replicas("qwen-1")

    async def gateways(**ready: bool) -> None:
        await cluster.write(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "gateway-peers-x",
                    "namespace": cluster.namespace,
                    "labels": {SERVICE_LABEL: "gateway-peers"},
                },
                "addressType": "IPv4",
                "ports": [{"name": "peers", "port": 9191}],
                "endpoints": [
                    {"addresses": [f"10.0.1.{number}"], "conditions": {"ready": is_ready}}
                    for number, is_ready in enumerate(ready.values(), 1)
                ],
            }
        )

    await gateways(a=True, b=False)
    peers = {"LLMSTACK_PEERS_SERVICE": "gateway-peers", "POD_IP": "10.0.1.1"}
    async with followed(cluster.settings(**peers)) as found:
        await found.until(lambda source: source.peers == ("10.0.1.1:9191", "10.0.1.2:9191"))
        await found.until(lambda source: len(source.catalog.models[0].backends) == 1)
        assert len(found.source.peers_key) == 32
        assert found.source.peers_key.hex() != found.source.load_key
        await gateways(a=True)
        await found.until(lambda source: source.peers == ("10.0.1.1:9191",))
