"""What does a replica hear of whose request it is?"""

from __future__ import annotations

import re

import pytest

from llmstack.api.sharing import CacheSharing
from llmstack.engines.llamacpp.request_headers import lease_number
from llmstack.gateway.catalog import Model
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.whose import cache_owner, lines

BACKEND = Backend("a", "10.0.0.1", 8080, "server-key")


def salt(backend: Backend = BACKEND, model: str = "team/qwen", owner: str = "acme") -> bytes:
    """The value of the salt's header."""
    found = re.search(rb"^x-llmstack-salt: (.+)\r\n", lines(1, backend, model, owner), re.MULTILINE)
    assert found
    return found[1]


def test_a_lease_is_known_again_by_its_name() -> None:
    name = lines(17, BACKEND, "qwen", "").removeprefix(b"x-llmstack-lease: ").removesuffix(b"\r\n")
    assert lease_number(name) == 17


@pytest.mark.parametrize("name", [b"", b"17", b"-17", b"0000-17", b"00000000-", b"a,b", b"\xff-1"])
def test_other_names_are_no_lease_of_ours(name: bytes) -> None:
    assert lease_number(name) is None


def test_a_cache_without_an_owner_has_no_salt() -> None:
    assert b"salt" not in lines(1, BACKEND, "qwen", "")


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("of another tenant", salt(owner="acme2")),
        ("of a tenant whose name differs in case", salt(owner="Acme")),
        ("of another model", salt(model="team/qwen2")),
        (
            "of a tenant and a model that join to the same text",
            salt(model="team/qwena", owner="cme"),
        ),
        ("of a server with another key", salt(Backend("a", "10.0.0.1", 8080, "key2"))),
    ],
)
def test_salts_differ(sentence: str, other: bytes) -> None:
    assert salt() != other, sentence


def test_replicas_with_one_key_get_one_salt_from_every_gateway() -> None:
    assert salt() == salt(Backend("b", "10.0.0.2", 9090, "server-key"))
    assert salt() == b"f312263a193a35f2d890806827a9b651"


def test_a_salt_does_not_show_its_tenant_and_fits_a_header() -> None:
    assert re.fullmatch(rb"[0-9a-f]{32}", salt(owner="naïve\r\nX-Evil: 1"))


@pytest.mark.parametrize(
    ("sharing", "owner"), [(CacheSharing.TENANT, "acme"), (CacheSharing.DEPLOYMENT, "")]
)
def test_who_owns_a_cache_is_a_setting(sharing: CacheSharing, owner: str) -> None:
    assert cache_owner(Model("qwen", cache_sharing=sharing), "acme") == owner
