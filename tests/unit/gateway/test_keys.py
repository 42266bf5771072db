"""Whose key is it?"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.keys import Keys, is_tenant, keys_from_secret, line_for, parse_keys

FILE = f"""
# who may come in
{line_for("sk-a", "team-a")}
  {line_for("sk-b", "team-b")}   # until summer

sha256:{line_for("sk-a2", "").removeprefix("sha256:").upper()} team-a
"""
KEYS = parse_keys(FILE, "keys")

PRESENTED = [
    ("a bearer token", "Bearer sk-a", None, "team-a"),
    ("a second key of the same tenant", "Bearer sk-a2", None, "team-a"),
    ("the scheme in lower case", "bearer sk-b", None, "team-b"),
    ("a key as Anthropic's clients send it", None, "sk-b", "team-b"),
    ("a wrong bearer token beside a right key", "Bearer nonsense", "sk-b", "team-b"),
    ("two right ones: the bearer token counts", "Bearer sk-a", "sk-b", "team-a"),
    ("nothing", None, None, None),
    ("empty ones", "", "", None),
    ("the digest in place of the key", "Bearer " + line_for("sk-a", "x").split()[0], None, None),
    ("another scheme", "Basic sk-a", None, None),
    ("no scheme", "sk-a", None, None),
    ("a key with something behind it", "Bearer sk-a sk-b", None, None),
    ("an endless key", "Bearer " + "x" * 100_000, "x" * 100_000, None),
    ("a key that is no text", "Bearer \udcff", "\udcff", None),
]


@pytest.mark.parametrize(
    ("sentence", "authorization", "api_key", "tenant"), PRESENTED, ids=[row[0] for row in PRESENTED]
)
def test_who_is_it(
    sentence: str, authorization: str | None, api_key: str | None, tenant: str | None
) -> None:
    assert KEYS.tenant(authorization, api_key) == tenant


@given(st.text())
def test_no_other_key_comes_in(key: str) -> None:
    assert KEYS.tenant(f"Bearer {key}", key) is None or key.strip(" ") in {"sk-a", "sk-a2", "sk-b"}


def test_an_empty_file_lets_nobody_in() -> None:
    assert parse_keys("# none yet\n", "keys") == Keys()
    assert Keys().tenant("Bearer sk-a") is None
    assert Keys().tenants == frozenset()


def test_a_file_from_a_windows_editor_is_read() -> None:
    text = "\ufeff" + line_for("sk-a", "a") + "\r\n" + line_for("sk-b", "b") + "\r\n"
    assert parse_keys(text, "keys").tenants == {"a", "b"}


def test_keys_that_share_the_beginning_of_their_digest_are_told_apart() -> None:
    digest = line_for("sk-a", "a").split()[0].removeprefix("sha256:")
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    keys = parse_keys(f"sha256:{other} other\nsha256:{digest} a\nsha256:{other} other", "keys")
    assert keys.tenant("Bearer sk-a") == "a"
    assert keys.tenants == {"a", "other"}


def test_keys_are_not_shown() -> None:
    assert "sha256" not in repr(KEYS)
    assert line_for("sk-a", "a").split()[0][7:23] not in repr(KEYS)


WRONG = [
    ("a key in the clear", "sk-secret team-a", "line 1: write sha256:<64 hex digits> <tenant>"),
    ("a digest that is too short", "\nsha256:abcd team-a", "line 2: write sha256:"),
    ("no tenant", f"sha256:{'0' * 64}", "line 1: write sha256:"),
    (
        "a tenant in capitals",
        f"sha256:{'0' * 64} Team",
        "line 1: a tenant must consist of at most 63",
    ),
    ("a tenant that is too long", f"sha256:{'0' * 64} {'a' * 64}", "line 1: a tenant must"),
    (
        "one key for two tenants",
        f"sha256:{'0' * 64} a\n# and\nsha256:{'0' * 64} b",
        "line 3: the same key stands for 'a' and 'b'",
    ),
]


@pytest.mark.parametrize(("sentence", "text", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_off_is_named_and_not_quoted(sentence: str, text: str, message: str) -> None:
    keys = parse_keys(text, "keys")
    (fault,) = keys.faults
    assert fault.startswith(f"keys, {message}")
    assert "secret" not in fault
    assert keys.empty


@pytest.mark.parametrize(("sentence", "text", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_the_other_lines_count(sentence: str, text: str, message: str) -> None:
    keys = parse_keys(f"{line_for('sk-a', 'team-a')}\n{text}\n{line_for('sk-b', 'team-b')}", "k")
    assert (keys.tenants, keys.count, len(keys.faults)) == ({"team-a", "team-b"}, 2, 1)


def test_a_key_of_two_tenants_is_nobodys_however_often_it_is_there() -> None:
    lines = [line_for("sk-a", tenant) for tenant in ("a", "b", "a", "a")]
    assert parse_keys("\n".join(lines), "keys").tenant("Bearer sk-a") is None


@given(st.lists(st.binary(max_size=90).filter(lambda line: b"sha256" not in line)))
def test_no_bytes_beside_it_take_a_key_away(lines: list[bytes]) -> None:
    text = b"\n".join((*lines, line_for("sk-a", "a").encode()))
    keys = keys_from_secret(secret(a=text))
    assert keys.tenant("Bearer sk-a") == "a"
    assert keys.tenants == {"a"}


def test_only_so_many_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    parse_keys("sk-secret team-a\n" * 1000, "keys").log_faults()
    assert len(caplog.records) == 21
    assert "980 more" in caplog.text
    assert "secret" not in caplog.text


def secret(**entries: str | bytes) -> dict[str, Any]:
    data = {
        name: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for name, value in entries.items()
    }
    return {"metadata": {"namespace": "stack", "name": "keys"}, "data": data}


def test_each_entry_of_a_secret_is_such_a_text() -> None:
    keys = keys_from_secret(secret(a=line_for("sk-a", "a"), b=FILE.replace("team-a", "a")))
    assert keys.tenants == {"a", "team-b"}
    assert keys_from_secret({"metadata": secret()["metadata"]}) == Keys()


SECRETS = [
    ("no text", secret(a=b"\xff"), "Secret stack/keys, a, line 1: write sha256:"),
    ("a bad line", secret(a="# x", b="#\nx"), "Secret stack/keys, b, line 2: write sha256:"),
    (
        "two entries that disagree",
        secret(a=line_for("k", "a"), b=line_for("k", "b")),
        "Secret stack/keys, b, line 1: the same key stands for 'a' and 'b'",
    ),
]


@pytest.mark.parametrize(("sentence", "body", "message"), SECRETS, ids=[row[0] for row in SECRETS])
def test_what_is_off_in_a_secret_is_named(
    sentence: str, body: dict[str, Any], message: str
) -> None:
    (fault,) = keys_from_secret(body).faults
    assert fault.startswith(message)


@given(st.text(max_size=70))
def test_a_tenant_is_a_dns_label(name: str) -> None:
    if is_tenant(name):
        assert name.isascii()
        assert name == name.lower()
        assert 0 < len(name) < 64
        assert not name.startswith("-")
        assert not name.endswith("-")
