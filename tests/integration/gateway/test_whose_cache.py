"""Does a tenant learn from the engine's caches what another one has sent?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from llmstack.api.sharing import CacheSharing
from llmstack.gateway.keys import line_for, parse_keys
from tests.integration.gateway.raw import Replica, Turn, gateway, on_uvloop, plain, post
from tests.integration.gateway.serving import FAST, Answered, Serving, serving
from tests.support.llama.shape import Shape

ALICE, BOB = "sk-alice-0123456789abcdef", "sk-bob-0123456789abcdef"
KEYS = f"{line_for(ALICE, 'alice')}\n{line_for(BOB, 'bob')}\n"
SECRET = "The door's code is 48213. " * 20
FORGED = b"X-Llmstack-Salt: forged\r\nx-llmstack-LEASE: forged\r\nX-Llmstack-Other: 1\r\n"


async def whole(turn: Turn) -> None:
    await turn.send(plain(b"{}"))


def ours(turn: Turn) -> dict[str, str]:
    """The headers of ours that a replica got, each with a value."""
    found = re.findall(r"^(x-llmstack-[^:]+): (.*)\r$", turn.head.decode().lower(), re.MULTILINE)
    assert len(found) == len(dict(found)), "a header came twice"
    return dict(found)


def bearer(key: str) -> bytes:
    return b"Authorization: Bearer %b\r\n" % key.encode()


@on_uvloop
async def test_a_replica_hears_the_lease_and_the_salt_and_never_those_of_a_client() -> None:
    async with Replica.running(whole) as replica, gateway(replica.port) as front:
        front.app.keys = parse_keys(KEYS, "keys")
        for key in (ALICE, ALICE, BOB):
            await front.ask(post(head=bearer(key) + FORGED))
        first, second, other = (ours(turn) for turn in replica.turns)
    assert set(first) == {"x-llmstack-lease", "x-llmstack-salt"}
    assert first["x-llmstack-salt"] == second["x-llmstack-salt"] != other["x-llmstack-salt"]
    assert first["x-llmstack-lease"] != second["x-llmstack-lease"]
    assert "forged" not in {*first.values(), *other.values()}


@on_uvloop
async def test_a_deployment_that_shares_its_cache_has_no_salt() -> None:
    async with (
        Replica.running(whole) as replica,
        gateway(replica.port, cache_sharing=CacheSharing.DEPLOYMENT) as front,
    ):
        front.app.keys = parse_keys(KEYS, "keys")
        await front.ask(post(head=bearer(ALICE) + FORGED))
        (turn,) = replica.turns
    assert set(ours(turn)) == {"x-llmstack-lease"}


async def asked(behind: Serving, key: str, **body: Any) -> Answered:
    """One turn of somebody, about the secret."""
    answer = await behind.ask(
        headers={"Authorization": f"Bearer {key}"},
        messages=[{"role": "system", "content": SECRET}, {"role": "user", "content": "hi"}],
        max_tokens=1,
        **body,
    )
    assert answer.status == 200, answer.text
    return answer


def cached(answer: Answered) -> tuple[int, int]:
    """What it says of the cache, in each place where it does."""
    told = answer.json
    return told["timings"]["cache_n"], told["usage"]["prompt_tokens_details"]["cached_tokens"]


@pytest.mark.parametrize(
    ("sharing", "found"), [(None, False), ("Tenant", False), ("Deployment", True)]
)
async def test_what_another_tenant_sent_is_found_only_where_a_deployment_shares(
    tmp_path: Path, sharing: str | None, found: bool
) -> None:
    model = {"cacheSharing": sharing} if sharing else {}
    (tmp_path / "keys").write_text(KEYS)
    async with serving(tmp_path, FAST, model=model, keysFile="keys") as behind:
        assert cached(await asked(behind, ALICE)) == (0, 0)
        own, counted = cached(await asked(behind, ALICE))
        assert own == counted > 50
        others, counted = cached(await asked(behind, BOB))
        assert others == counted
        assert (others > 50) is found


UNPATCHED = Shape(slots=2, decode=1000, llmstack=False)


async def test_a_server_that_cannot_keep_tenants_apart_reuses_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEYS)
    async with serving(tmp_path, UNPATCHED, keysFile="keys") as behind:
        (replica,) = (await behind.gateway.load())["qwen"]["replicas"]
        assert replica["uncached"] is True
        for key in (ALICE, ALICE, BOB):
            assert cached(await asked(behind, key, cache_prompt=True)) == (0, 0)
        deaf = await behind.ask(
            "/v1/messages", headers={"Authorization": f"Bearer {ALICE}"}, max_tokens=1
        )
        assert deaf.status == 501
        assert deaf.json["error"].keys() == {"type", "message"}
        assert deaf.json["error"]["type"] == "api_error"
        await behind.gateway.logged(path="/v1/messages", status=501, outcome="caches_not_apart")
        await behind.gateway.loaded("qwen", busy=0, draining=0)


@pytest.mark.parametrize(
    ("sharing", "keys"), [("Deployment", {"keysFile": "keys"}), ("Tenant", {})]
)
async def test_it_reuses_what_it_has_where_there_is_nobody_to_keep_apart(
    tmp_path: Path, sharing: str, keys: dict[str, str]
) -> None:
    (tmp_path / "keys").write_text(KEYS)
    model = {"cacheSharing": sharing}
    async with serving(tmp_path, UNPATCHED, model=model, **keys) as behind:
        (replica,) = (await behind.gateway.load())["qwen"]["replicas"]
        assert "uncached" not in replica
        await asked(behind, ALICE)
        assert min(cached(await asked(behind, BOB))) > 50
