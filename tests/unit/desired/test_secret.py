"""With which key do clients reach a replica?"""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.desired.metadata import SERVER_KEY_FILE
from llmstack.desired.secret import build_root_secret, load_key, read_root, server_key
from tests.unit.desired.samples import built, server

ROOT = bytes(range(32))
NAMES = st.from_regex(r"[a-z0-9][-a-z0-9.]{0,20}", fullmatch=True)
WHO = st.tuples(NAMES, NAMES, NAMES)


def test_the_key_is_where_the_server_reads_it() -> None:
    secret = built("Secret")
    assert base64.b64decode(secret["data"]["key"]) == b"secret-key"
    assert secret["metadata"]["name"] == "qwen-key"
    assert SERVER_KEY_FILE in server()["args"]


def test_a_known_key() -> None:
    # Operator and gateway derive alike, in whichever version: this value must never change.
    key = server_key(ROOT, "team-a", "qwen", "uid-1")
    assert key == "7218b2b7961439ae5bda4ab5959dc253e2a9711b3ec0bdb0b65485050b7f40bc"


def test_a_known_load_key() -> None:
    # The gateway asks for it in whichever version: this value must never change.
    assert load_key(ROOT) == "a20b2ed61169202451b8a0926f19c1477fe1207fd4af211d8bdc7990de51a562"


@given(WHO)
def test_no_server_key_opens_the_load(who: tuple[str, str, str]) -> None:
    assert server_key(ROOT, *who) != load_key(ROOT)


@given(WHO, WHO)
def test_deployments_share_no_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (server_key(ROOT, *one) == server_key(ROOT, *other)) == (one == other)


@given(st.binary(min_size=32, max_size=64))
def test_the_root_survives_the_way_through_its_secret(root: bytes) -> None:
    assert read_root(build_root_secret("llm-stack", "llmstack-root", root)) == root


@pytest.mark.parametrize(
    ("sentence", "data"),
    [
        ("no data", None),
        ("another key", {"other": "x"}),
        ("no base64", {"root": "%"}),
        ("too short to be random enough", {"root": base64.b64encode(b"x").decode()}),
    ],
)
def test_a_secret_without_a_usable_root(sentence: str, data: Any) -> None:
    assert read_root({"data": data}) is None, sentence
