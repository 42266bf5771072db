"""Do clients and servers accept the certificates, and does nobody else read the keys?"""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.kubeconfig import copy_with_server
from tests.e2e.cluster.pki import Authority, Pair, write_key, write_kubeconfig


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


def server_name_accepted(ca: Path, server: Pair, client: Pair, name: str) -> str:
    """The client's user as the server sees it, after a handshake for `name`."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    serving.load_cert_chain(server.certificate, server.key)
    serving.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cafile=ca)
    calling.load_cert_chain(client.certificate, client.key)
    here, there = socket.socketpair()
    seen: list[str] = []

    def serve() -> None:
        try:
            with serving.wrap_socket(there, server_side=True) as connection:
                certificate = connection.getpeercert() or {}
                seen.extend(value for part in certificate["subject"] for _, value in part)
        except ssl.SSLError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with calling.wrap_socket(here, server_hostname=name) as connection:
            connection.recv(1)
    finally:
        here.close()
        thread.join()
    return " ".join(seen)


@pytest.mark.parametrize("name", ["kubernetes.default.svc", "127.0.0.1"])
def test_a_server_is_known_by_its_names_and_a_client_by_its_user(
    authority: Authority, name: str
) -> None:
    server = authority.issue("server", "server", hosts=("kubernetes.default.svc", "127.0.0.1"))
    client = authority.issue("client", "system:node:n", ("system:nodes",))
    seen = server_name_accepted(authority.certificate, server, client, name)
    assert seen == "system:nodes system:node:n"


def test_a_server_is_not_accepted_by_another_name(authority: Authority) -> None:
    server = authority.issue("server", "server", hosts=("127.0.0.1",))
    with pytest.raises(ssl.SSLCertVerificationError):
        server_name_accepted(authority.certificate, server, server, "127.0.0.2")


def test_keys_and_kubeconfigs_are_private(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("client", "client")
    kubeconfig = write_kubeconfig(
        tmp_path / "one", "https://127.0.0.1:1", authority.certificate, pair, "context"
    )
    copied = tmp_path / "two"
    copy_with_server(kubeconfig, copied, "https://127.0.0.1:2", "mine")
    for path in (pair.key, write_key(tmp_path / "sa.key"), kubeconfig, copied):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(copied.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"
    assert config["contexts"] == [{"name": "mine", "context": {"cluster": "mine", "user": "mine"}}]
