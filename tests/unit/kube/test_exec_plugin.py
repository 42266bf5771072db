"""Does a login plug-in speak for us, and is it run no more often than it has to be?

Plug-ins are scripts; the server is a real HTTP server, with TLS where certificates count.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from llmstack.errors import ConfigurationError
from llmstack.kube.client import KubeClient
from llmstack.kube.cluster_access import connect
from llmstack.kube.kinds import SERVICE
from llmstack.kube.session import open_watch_session
from llmstack.kube.transport import Transport
from tests.e2e.cluster.pki import Authority, Pair

V1 = "client.authentication.k8s.io/v1"
SECRET = "hf_secret"
PAST, FUTURE = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


class Plugin:
    """A script that says, at its n-th run, the n-th of these answers; the last one from then on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / "plugin"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import os, pathlib, sys\n"
            "here = pathlib.Path(__file__).parent\n"
            "runs = here / 'runs'\n"
            "with runs.open('a') as file:\n"
            "    file.write(os.environ['KUBERNETES_EXEC_INFO'] + '\\n')\n"
            "n = len(runs.read_text().splitlines())\n"
            "answers = sorted(here.glob('answer-*'))\n"
            "sys.stdout.write(answers[min(n, len(answers)) - 1].read_text())\n"
            "sys.exit(int(os.environ.get('STATUS', 0)))\n"
        )
        self.path.chmod(0o755)

    def says(self, *answers: Any) -> None:
        for number, answer in enumerate(answers):
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (self._directory / f"answer-{number}").write_text(text)

    @property
    def runs(self) -> list[Any]:
        """What it was told at each run."""
        path = self._directory / "runs"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    directory = tmp_path / "plugin"
    directory.mkdir()
    return Plugin(directory)


def credential(version: str = V1, **status: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": "ExecCredential", "status": status}


def kubeconfig(
    directory: Path, plugin: Plugin, server: str = "http://127.0.0.1:1", **more: Any
) -> str:
    cluster = {"server": server, **more.pop("cluster", {})}
    run = {"apiVersion": V1, "command": str(plugin.path), **more}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"exec": run}}],
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], web.Response], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port of a server."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(path: str) -> AsyncIterator[KubeClient]:
    transport = Transport(await connect(path, {}), "test", 5, lambda: None, lambda *_: None)
    try:
        yield KubeClient(transport)
    finally:
        await transport.close()


async def test_a_token_is_kept_until_it_expires(tmp_path: Path, plugin: Plugin) -> None:
    plugin.says(
        credential(token="first", expirationTimestamp=PAST),
        credential(token="second", expirationTimestamp=FUTURE),
    )
    connection = await connect(kubeconfig(tmp_path, plugin), {})
    assert [await connection.authorization() for _ in range(3)] == ["Bearer second"] * 3
    assert len(plugin.runs) == 2


async def test_a_token_that_is_refused_is_asked_for_once_more(
    tmp_path: Path, plugin: Plugin
) -> None:
    heard: list[str] = []

    def answer(request: web.Request) -> web.Response:
        heard.append(request.headers["Authorization"])
        return web.Response(status=401 if "first" in heard[-1] else 200, text="{}")

    plugin.says(credential(token="first"), credential(token="second"))
    async with serving(answer) as port:
        path = kubeconfig(tmp_path, plugin, f"http://127.0.0.1:{port}/prefix")
        async with client(path) as kube:
            await kube.get(SERVICE, "n", "a")
            await kube.get(SERVICE, "n", "a")
    assert heard == ["Bearer first", "Bearer second", "Bearer second"]
    assert len(plugin.runs) == 2


async def test_certificates_are_presented_and_renewed(tmp_path: Path, plugin: Plugin) -> None:
    """Calls and watches alike, also where the connection of the last call could be used again."""
    authority = Authority(tmp_path, "authority")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = authority.issue("server", "server", hosts=("api.test",))
    tls.load_cert_chain(own.certificate, own.key)
    tls.load_verify_locations(authority.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    users: list[str] = []

    def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        users.append(dict(part[0] for part in subject)["commonName"])
        return web.Response(text="{}", status=401 if users == ["first"] else 200)

    plugin.says(*(certified(authority.issue(name, name)) for name in ("first", "second")))
    cluster = {"certificate-authority": str(authority.certificate), "tls-server-name": "api.test"}
    async with serving(answer, tls) as port:
        path = kubeconfig(tmp_path, plugin, f"https://127.0.0.1:{port}", cluster=cluster)
        async with client(path) as kube:
            await kube.get(SERVICE, "n", "a")
        connection = await connect(path, {})
        async with open_watch_session(connection, "w", lambda _: None) as session:
            assert (await session.get(f"{connection.server}/api/v1/pods")).status == 200
    assert users == ["first", "second", "second"]


def certified(pair: Pair) -> dict[str, Any]:
    return credential(
        clientCertificateData=pair.certificate.read_text(), clientKeyData=pair.key.read_text()
    )


async def test_what_a_plugin_is_told(tmp_path: Path, plugin: Plugin) -> None:
    plugin.says(credential(token="t"))
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    cluster = {"insecure-skip-tls-verify": True, "extensions": [extension]}
    beside = {"command": "plugin/plugin", "provideClusterInfo": True, "cluster": cluster}
    await connect(kubeconfig(tmp_path, plugin, **beside), {})
    (told,) = plugin.runs
    assert told == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "http://127.0.0.1:1",
                "insecure-skip-tls-verify": True,
                "config": {"audience": "a"},
            },
        },
    }


@pytest.mark.parametrize(
    ("answer", "more", "words"),
    [
        (SECRET, {}, "not an ExecCredential"),
        (json.dumps([SECRET]), {}, "not an ExecCredential"),
        (credential(), {}, "neither a token nor a certificate"),
        (credential(clientKeyData=SECRET), {}, "neither a token nor a certificate"),
        (credential(token=SECRET, expirationTimestamp="soon"), {}, "not an ExecCredential"),
        (credential("other/v1", token=SECRET), {}, "another apiVersion"),
        (SECRET, {"env": [{"name": "STATUS", "value": "3"}]}, "status 3"),
        (SECRET, {"command": "no-such-plugin", "installHint": "Get it."}, "No such file.*Get it"),
        (SECRET, {"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "apiVersion must be"),
        (SECRET, {"interactiveMode": "Always"}, "requires a terminal"),
        (SECRET, {"args": {"a": 1}, "env": [1]}, "not valid"),
        (credential(clientCertificateData=SECRET, clientKeyData=SECRET), {}, "certificate or key"),
    ],
)
async def test_a_plugin_that_is_of_no_use(
    tmp_path: Path, plugin: Plugin, answer: Any, more: dict[str, Any], words: str
) -> None:
    plugin.says(answer)
    with pytest.raises(ConfigurationError, match=words) as caught:
        await connect(kubeconfig(tmp_path, plugin, **more), {})
    assert SECRET not in str(caught.value)


async def test_a_plugin_that_fails_later_leaves_what_is_known(
    tmp_path: Path, plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    plugin.says(credential(token=SECRET, expirationTimestamp=PAST), "nothing")
    connection = await connect(kubeconfig(tmp_path, plugin), {})
    assert await connection.authorization() == f"Bearer {SECRET}"
    assert "cannot be renewed" in caplog.text
    assert SECRET not in caplog.text
