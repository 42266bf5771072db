"""What shows a secret? Nothing but `reveal()`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.errors import InvalidInput
from llmstack.secret import (
    Hidden,
    Secret,
    credentials,
    host_of,
    read_token,
    without_credentials,
)

TOKEN = "hf_Zq8vJ2Lw5XtY"


@dataclass
class Holder:
    token: Secret


SHOWN = [
    ("str", str),
    ("repr", repr),
    ("format", lambda secret: f"{secret} {secret:>40} {secret!r} {secret!s}"),
    ("percent", lambda secret: "%s %r" % (secret, secret)),  # noqa: UP031
    ("in a list", lambda secret: str([secret, (secret,), {secret: secret}])),
    ("in a dataclass", lambda secret: repr(Holder(secret))),
    ("in an exception", lambda secret: repr(ValueError(secret)) + str(ValueError("x", secret))),
    ("its parts", lambda secret: str(dir(secret)) + str(getattr(secret, "__dict__", ""))),
]


@pytest.mark.parametrize(("how", "shown"), SHOWN, ids=[row[0] for row in SHOWN])
def test_it_is_not_shown(how: str, shown) -> None:  # type: ignore[no-untyped-def]
    assert TOKEN not in shown(Secret(TOKEN))


def test_it_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError(Secret(TOKEN))
    except RuntimeError:
        logging.getLogger("test").exception("failed with %s %r", Secret(TOKEN), [Secret(TOKEN)])
    assert TOKEN not in caplog.text


def test_it_is_not_serialised() -> None:
    for serialise in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            serialise(Secret(TOKEN))
        assert TOKEN not in str(caught.value)


def test_whoever_needs_it_gets_it() -> None:
    assert Secret(TOKEN).reveal() == TOKEN
    assert Secret(TOKEN) == Secret(TOKEN) != Secret("other")
    assert len({Secret(TOKEN), Secret(TOKEN)}) == 1
    assert Secret(TOKEN)
    assert not Secret()


@pytest.mark.parametrize("raw", [TOKEN, f"{TOKEN}\n", f" {TOKEN}\r\n", f"\n\t{TOKEN}\n\n"])
def test_what_editors_leave_around_a_token_is_no_part_of_it(raw: str) -> None:
    assert read_token(raw.encode(), "the key `token`").reveal() == TOKEN


def test_an_empty_one_is_none() -> None:
    assert not read_token(b" \n", "the key `token`")


@pytest.mark.parametrize(
    "raw",
    [
        b"hf_Zq8v\nJ2Lw5XtY",
        b"hf_Zq8v\rJ2Lw5XtY",
        b"hf_Zq8v\x00J2Lw5XtY",
        b"hf_Zq8v J2Lw5XtY",
        b"hf_Zq8v\tJ2Lw5XtY",
        b"hf_Zq8v\x7fJ2Lw5XtY",
        b"hf_Zq8v\xffJ2Lw5XtY",
        "hf_Zq8v\u2019J2Lw5XtY".encode(),
        "\ufeffhf_Zq8vJ2Lw5XtY".encode(),
        b"token: hf_Zq8vJ2Lw5XtY",
    ],
)
def test_what_is_no_token_is_named_and_not_quoted(raw: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_token(raw, "the key `token`")
    assert str(caught.value).startswith("the key `token` is not a valid token")
    assert "hf_Zq8v" not in str(caught.value)
    assert "J2Lw5XtY" not in str(caught.value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_token_that_a_header_takes_or_none(raw: bytes) -> None:
    try:
        text = read_token(raw, "x").reveal()
    except InvalidInput:
        return
    assert all("!" <= each <= "~" for each in text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:pass@proxy:3128", "http://***@proxy:3128"),
        ("http://token@proxy/a@b", "http://***@proxy/a@b"),
        ("user:pass@proxy", "user:pass@proxy"),
        ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
        ("http://a:b@c:d@host", "http://***@host"),
        ("http://a:b/c?d@host/e", "http://***@host/e"),
        ("http://a:8080/b@host", "http://a:8080/b@host"),
        ("hf://owner/repo/file@main", "hf://owner/repo/file@main"),
    ],
)
def test_an_address_is_told_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_host_and_port_alone() -> None:
    assert host_of("https://user:pass@host:1/a") == "host:1"


@pytest.mark.parametrize("url", ["http://alice:p%40ssw0rd@proxy:1", "alice:p%40ssw0rd@proxy:1"])
def test_credentials_are_hidden_in_each_form(url: str) -> None:
    hidden = Hidden()
    hidden.add(credentials(url))
    for form in ("alice:p%40ssw0rd", "alice:p@ssw0rd", "YWxpY2U6cEBzc3cwcmQ=", "p@ssw0rd"):
        assert hidden.hide(f"tried {form} there") == "tried *** there"
    assert credentials("http://proxy:1") == ()


def test_a_secret_of_several_lines_is_hidden_line_by_line() -> None:
    hidden = Hidden()
    hidden.add([Secret('first-line\nsecond "line"')])
    said = json.dumps({"message": 'Invalid header: first-line\nsecond "line"'})
    assert "first" not in hidden.hide(said)
    assert "second" not in hidden.hide(said)
    assert "second" not in hidden.hide(repr(b'second "line"'))
