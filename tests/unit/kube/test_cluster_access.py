"""Which connection does a kubeconfig or a pod's environment describe?"""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmstack.errors import ConfigurationError
from llmstack.kube.cluster_access import ClusterAccess, NoCredentials, connect
from tests.e2e.cluster.pki import Authority

SECRET = "hf_secret"
SERVER = "https://example.test/"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), "test")


def write(directory: Path, user: Any, name: str = "kubeconfig", **cluster: Any) -> str:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path = directory / name
    path.write_text(json.dumps(config))
    return str(path)


def change(path: str, edit: Callable[[Any], None]) -> str:
    """The same kubeconfig, edited."""
    file = Path(path)
    config = json.loads(file.read_text())
    edit(config)
    file.write_text(json.dumps(config))
    return path


async def test_a_token(tmp_path: Path) -> None:
    connection = await connect(write(tmp_path, {"token": "abc"}), {})
    assert connection.server == "https://example.test"
    assert await connection.authorization() == "Bearer abc"


async def test_a_token_file_wins_and_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("first\n")
    connection = await connect(write(tmp_path, {"tokenFile": "token", "token": "old"}), {})
    assert await connection.authorization() == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    an_hour_later(monkeypatch)
    assert await connection.authorization() == "Bearer second"
    (tmp_path / "token").unlink()
    monkeypatch.undo()
    an_hour_later(monkeypatch, hours=2)
    assert await connection.authorization() == "Bearer second"


def an_hour_later(monkeypatch: pytest.MonkeyPatch, hours: int = 1) -> None:
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + hours * 3600)


async def test_certificates_inline_or_in_files_beside_the_kubeconfig(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue("me", "me")
    (tmp_path / "ca.pem").write_text(authority.certificate.read_text())
    (tmp_path / "key.pem").write_text(pair.key.read_text())
    user = {
        "client-certificate-data": encoded(pair.certificate.read_text()),
        "client-key": "key.pem",
    }
    path = write(tmp_path, user, **{"certificate-authority": "ca.pem"})
    connection = await connect(path, {})
    assert [one["subject"] for one in connection.tls.get_ca_certs()] == [
        ((("commonName", "test"),),)
    ]
    assert await connection.authorization() == ""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_no_private_key_stays_on_the_disk(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    pair = authority.issue("me", "me")
    user = {
        "client-certificate-data": encoded(pair.certificate.read_text()),
        "client-key-data": encoded(pair.key.read_text()),
    }
    for _ in range(2):  # the same one again: nothing of it was remembered by the file's name
        await connect(write(tmp_path, user), {})
    assert not any(os.scandir(temporary))


async def test_what_a_cluster_says_of_tls(tmp_path: Path) -> None:
    path = write(tmp_path, {}, **{"insecure-skip-tls-verify": True, "tls-server-name": "other"})
    connection = await connect(path, {})
    assert connection.tls.verify_mode == ssl.CERT_NONE
    assert connection.configuration.tls_server_name == "other"
    checked = await connect(write(tmp_path, {}), {})
    assert checked.tls.verify_mode == ssl.CERT_REQUIRED
    assert checked.tls.check_hostname


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://host/k8s/clusters/c-1/", "https://host/k8s/clusters/c-1"),
        ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("HTTPS://host:1", "https://host:1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
async def test_a_server(tmp_path: Path, server: str, expected: str) -> None:
    connection = await connect(write(tmp_path, {}, server=server), {})
    assert connection.server == expected


async def test_a_context_without_a_user_is_anonymous(tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        del config["contexts"][0]["context"]["user"]
        config["users"] = None

    path = change(write(tmp_path, {}), edit)
    assert await (await connect(path, {})).authorization() == ""


async def test_a_name_and_a_password(tmp_path: Path) -> None:
    connection = await connect(write(tmp_path, {"username": "a", "password": "b"}), {})
    assert await connection.authorization() == "Basic " + encoded("a:b")


# Several files


async def test_files_are_merged_as_kubectl_does(tmp_path: Path) -> None:
    """The first current-context and the first entry of a name count; files may be missing."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "token").write_text("of the second")
    second = write(tmp_path / "deep", {"tokenFile": "token"}, server="https://second")
    first = tmp_path / "first"
    first.write_text(
        json.dumps({"clusters": [{"name": "c", "cluster": {"server": "https://first"}}]})
    )
    third = write(tmp_path, {"token": "of the third"}, "third")
    change(third, lambda config: config.update({"current-context": "there"}))
    (tmp_path / "empty").write_text("")
    names = [tmp_path / "empty", first, tmp_path / "missing", second, third]
    connection = await connect(":".join(["", *map(str, names)]), {})
    assert connection.server == "https://first"
    assert await connection.authorization() == "Bearer of the second"


# Proxies


@pytest.mark.parametrize(
    ("server", "env", "proxy"),
    [
        ("https://api.test", {}, None),
        ("https://api.test", {"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ("https://api.test", {"https_proxy": "http://p:1", "NO_PROXY": ".test"}, None),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "http://p:1"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
async def test_proxies_of_the_environment(
    tmp_path: Path, server: str, env: dict[str, str], proxy: str | None
) -> None:
    assert (await connect(write(tmp_path, {}, server=server), env)).proxy == proxy


async def test_the_proxy_of_the_cluster_wins(tmp_path: Path) -> None:
    path = write(tmp_path, {}, **{"proxy-url": "http://mine:1"})
    env = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}
    assert (await connect(path, env)).proxy == "http://mine:1"


# Impersonation


async def test_acting_as_somebody_else(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["devs", "ops"],
        "as-user-extra": {"Reason": ["test"], "a/b": ["x"]},
    }
    connection = await connect(write(tmp_path, user), {})
    assert connection.headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "devs"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-reason", "test"),
        ("Impersonate-Extra-a%2Fb", "x"),
    )


@pytest.mark.parametrize("user", [{"as-groups": ["devs"]}, {"as": "a\r\nb"}, {"as": {"a": 1}}])
async def test_acting_as_nobody(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="need `as`"):
        await connect(write(tmp_path, user), {})


# In a pod


def account(directory: Path, authority: Authority, token: str = "first") -> dict[str, str]:
    (directory / "token").write_text(token)
    (directory / "ca.crt").write_text(authority.certificate.read_text())
    return {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}


async def test_in_a_pod_the_token_is_read_anew(tmp_path: Path, authority: Authority) -> None:
    env = {**account(tmp_path, authority), "HTTPS_PROXY": "http://p:1"}
    connection = await connect("", env, tmp_path)
    assert (connection.server, connection.proxy) == ("https://[fd00::1]:443", None)
    assert await connection.authorization() == "bearer first"
    (tmp_path / "token").write_text("second\n")
    expire(connection)
    assert await connection.authorization() == "bearer second"


async def test_a_token_that_cannot_be_renewed_now_stays(
    tmp_path: Path, authority: Authority
) -> None:
    connection = await connect("", account(tmp_path, authority), tmp_path)
    (tmp_path / "token").unlink()
    expire(connection)
    assert await connection.authorization() == "bearer first"


def expire(connection: ClusterAccess) -> None:
    """A minute passes for the package's loader."""
    hook: Any = connection.configuration.refresh_api_key_hook
    loader = next(
        cell.cell_contents for cell in hook.__closure__ if hasattr(cell.cell_contents, "token")
    )
    loader.token_expires_at -= loader._token_refresh_period


async def test_a_token_that_is_none_is_not_sent_and_not_shown(
    tmp_path: Path, authority: Authority
) -> None:
    connection = await connect("", account(tmp_path, authority, f"{SECRET}\nx: y"), tmp_path)
    with pytest.raises(NoCredentials) as caught:
        await connection.authorization()
    assert SECRET not in str(caught.value)


# What cannot be used


async def test_neither_a_pod_nor_a_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        await connect("", {}, tmp_path)


@pytest.mark.parametrize("lacking", ["token", "ca.crt"])
async def test_an_account_without_its_files(
    tmp_path: Path, authority: Authority, lacking: str
) -> None:
    env = account(tmp_path, authority)
    (tmp_path / lacking).write_text("")
    with pytest.raises(ConfigurationError, match="service account cannot be used"):
        await connect("", env, tmp_path)


@pytest.mark.parametrize(
    ("user", "cluster", "words"),
    [
        ({"auth-provider": {"name": "gcp"}}, {}, "is not supported"),
        ({}, {"proxy-url": "socks5://a:1"}, "proxy-url must begin with http"),
        ({}, {"server": "host:6443"}, "must begin with https://"),
        ({}, {"server": None}, "must begin with https://"),
        ({}, {"certificate-authority": "nowhere.pem"}, "does not exist"),
        ({}, {"certificate-authority-data": "§"}, "certificate-authority-data is not base64"),
        ({}, {"certificate-authority-data": encoded("x")}, "the certificate or key is invalid"),
        ({"client-certificate-data": encoded("x")}, {}, "the certificate or key is invalid"),
        ({"tokenFile": "nowhere"}, {}, "tokenFile .*nowhere cannot be read"),
        ({"token": [SECRET]}, {}, "token must be a string"),
        ([SECRET], {}, "not a valid kubeconfig"),
    ],
)
async def test_what_a_user_or_cluster_may_not_be(
    tmp_path: Path, user: Any, cluster: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        await connect(write(tmp_path, user, **cluster), {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("current-context", "no current-context"),
        ("contexts", "does not have 'here' in contexts"),
        ("clusters", "does not have 'c' in clusters"),
        ("users", "does not have 'u' in users"),
    ],
)
async def test_a_section_that_lacks(tmp_path: Path, lacking: str, words: str) -> None:
    path = change(write(tmp_path, {}), lambda config: config.pop(lacking))
    with pytest.raises(ConfigurationError, match=words):
        await connect(path, {})


async def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        await connect(f"{tmp_path}/a:{tmp_path}/b", {})
    with pytest.raises(ConfigurationError, match="directory"):
        await connect(str(tmp_path), {})


@pytest.mark.parametrize(
    "text",
    [
        "users: [{user: {token: 'hf_secret}}]",
        "token: hf_secret: x",
        "- hf_secret",
        "hf_secret",
        "[]",
        "users: [hf_secret]",
        "current-context: hf\ncontexts: {hf_secret: 1}",
        "\x00hf_secret",
    ],
)
async def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        await connect(str(tmp_path / "config"), {})
    assert SECRET not in str(caught.value)


async def test_tokens_and_keys_are_not_shown(tmp_path: Path) -> None:
    assert SECRET not in repr(await connect(write(tmp_path, {"token": SECRET}), {}))
