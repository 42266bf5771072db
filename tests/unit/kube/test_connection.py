"""Which connection does a kubeconfig or a pod's environment describe?"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from llmstack.errors import ConfigurationError
from llmstack.kube.connection import connect


def write(directory: Path, user: dict[str, Any], **cluster: Any) -> str:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.test/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


def test_a_token(tmp_path: Path) -> None:
    connection = connect(write(tmp_path, {"token": "abc"}), {})
    assert (connection.server, connection.read_token()) == ("https://example.test", "abc")


def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    connection = connect(write(tmp_path, {"tokenFile": "token"}), {})
    assert connection.read_token() == "first"
    (tmp_path / "token").write_text("second\n")
    assert connection.read_token() == "second"


def test_certificates_inline_or_in_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("CA")
    user = {"client-certificate-data": base64.b64encode(b"CERT").decode()}
    connection = connect(write(tmp_path, user, **{"certificate-authority": "ca.pem"}), {})
    assert (connection.ca, connection.certificate) == ("CA", "CERT")


@pytest.mark.parametrize("plugin", ["exec", "auth-provider"])
def test_a_login_plugin_is_refused_with_a_way_out(tmp_path: Path, plugin: str) -> None:
    with pytest.raises(ConfigurationError, match="use a token or a client certificate"):
        connect(write(tmp_path, {plugin: {}}), {})


def test_a_kubeconfig_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("[]")
    with pytest.raises(ConfigurationError, match="kubeconfig cannot be used"):
        connect(str(path), {})


def test_neither_a_pod_nor_a_kubeconfig() -> None:
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        connect("", {})


@pytest.mark.parametrize(
    "text",
    [
        "users: [{user: {token: 'hf_secret}}]",
        "token: hf_secret: x",
        "- hf_secret",
        "hf_secret",
        "current-context: hf\ncontexts: {hf_secret: 1}",
    ],
)
def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        connect(str(tmp_path / "config"), {})
    assert "hf_secret" not in str(caught.value)


def test_tokens_and_keys_are_not_shown(tmp_path: Path) -> None:
    assert "hf_secret" not in repr(connect(write(tmp_path, {"token": "hf_secret"}), {}))
