"""What is a client told? Against fake servers, through a real gateway."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.serving import (
    CHAT,
    FAST,
    MODEL,
    chat,
    described,
    gone,
    serving,
    until_it,
)
from tests.support.gateway import Gateway


async def test_all_models_are_listed_with_their_state_and_slots(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, model={"aliases": ["gpt-4o-mini"]}) as it:
        await it.heard_of(slots=2)
        answer = await it.ask("/v1/models", method="GET")
        (model,) = answer.json["data"]
        assert (model["id"], model["object"], model["state"]) == (MODEL, "model", "ready")
        assert model["slots"] == {"total": 2, "busy": 0, "waiting": 0}
        one = await it.ask("/v1/models/gpt-4o-mini", method="GET")
        assert one.json["id"] == MODEL


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", CHAT, {"model": "none"}, 404, "model_not_found"),
        ("GET", "/v1/models/none", {}, 404, "model_not_found"),
        ("GET", "/slots", {}, 404, "unknown_url"),
        ("POST", "/v1/audio/transcriptions", {}, 415, "unsupported_media_type"),
        ("POST", "/v1/audio/translations", {}, 501, "not_implemented"),
        ("POST", "/v1/images/generations", {}, 501, "not_implemented"),
        ("GET", "/v1/audio/transcriptions", {}, 404, "unknown_url"),
        ("POST", "/v1/slots", {}, 404, "unknown_url"),
        ("GET", "/props", {}, 404, "unknown_url"),
        ("GET", "/metrics", {}, 404, "unknown_url"),
        ("POST", "/lora-adapters", {}, 404, "unknown_url"),
        ("POST", "/v1/embeddings", {"input": "a"}, 400, "wrong_mode"),
        ("POST", CHAT, {"n_discard": 5}, 400, "invalid_request"),
        ("POST", CHAT, {"n_cache_reuse": 256}, 400, "invalid_request"),
        ("POST", CHAT, {"n": 3}, 400, "too_many_slots"),
    ],
)
async def test_what_is_not_served_is_said_in_openais_shape(
    tmp_path: Path, method: str, path: str, body: dict[str, object], status: int, code: str
) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(path, method=method, **body)
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"]
        assert it.llamas[0].requests == 0


async def test_the_replicas_own_errors_pass_in_openais_shape(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        async with it.gateway.session.post(it.llamas[0].url + CHAT, json={}) as direct:
            status, said = direct.status, (await direct.json())["error"]
        async with it.gateway.session.post(it.gateway.url + CHAT, json={"model": MODEL}) as through:
            error = (await through.json())["error"]
        assert through.status == status
        assert (error["message"], error["type"]) == (said["message"], said["type"])
        assert (error["code"], error["param"]) == ("invalid_request", None)
        await it.gateway.loaded(MODEL, busy=0, draining=0)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_passes_byte_by_byte_and_says_how_it_went(
    tmp_path: Path, stream: bool
) -> None:
    async with serving(tmp_path, replace(FAST, prefix_cache=False)) as it:
        body = chat(stream=stream, max_tokens=20)
        async with it.gateway.session.post(it.llamas[0].url + CHAT, json=body) as direct:
            expected = await direct.read()
        first = await it.ask(stream=stream, max_tokens=20, headers={"X-Request-Id": "mine-1"})
        assert _timeless(first.text) == _timeless(expected)
        assert first.headers["x-request-id"] == "mine-1"
        assert first.headers["x-llmstack-replica"] == it.llamas[0].url.removeprefix("http://")
        assert float(first.headers["x-llmstack-queued-ms"]) >= 0
        assert "x-llmstack-prefix-hit" in first.headers


def _timeless(text: bytes) -> list[str]:
    """The answer without the durations that the server measured."""
    return [line for line in text.decode().replace("}", "}\n").splitlines() if "_ms" not in line]


async def test_a_request_id_that_could_forge_a_log_is_replaced(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(headers={"X-Request-Id": "a b" + "x" * 200})
        assert len(answer.headers["x-request-id"]) < 100
        assert " " not in answer.headers["x-request-id"]


async def test_each_request_is_counted_and_logged_with_its_tokens(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        for stream in (True, False):
            answer = await it.ask(stream=stream, max_tokens=7)
            entry = await it.gateway.logged(request=answer.headers["x-request-id"])
            assert (entry["status"], entry["model"], entry["tenant"]) == (200, MODEL, "anonymous")
            assert entry["completion_tokens"] == 7
            assert entry["prompt_tokens"] > 0
            assert entry["stream"] is stream
            assert "messages" not in json.dumps(entry)
        assert await it.gateway.metric("requests_total", model=MODEL, status="200") == 2
        assert await it.gateway.metric("tokens_total", kind="completion") == 14
        assert await it.gateway.metric("slots", state="total") == 2


async def test_a_prompt_is_never_logged(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        secret = "only-for-the-model"
        await it.ask(messages=[{"role": "user", "content": secret}])
        await it.ask(model=secret + "\n")
        text = json.dumps([line for line in it.gateway.lines if line.get("model") != secret])
        assert secret not in text


async def test_keys_are_asked_for_and_changes_are_taken_at_once(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(line_for("old", "team") + "\n")
    async with serving(tmp_path, FAST, keysFile="keys") as it:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "old"}):
            answer = await it.ask(headers=headers)
            assert (answer.status, answer.code) == (401, "invalid_api_key")
            listed = await it.ask("/v1/models", method="GET", headers=headers)
            assert listed.status == 401
        assert (await it.ask(headers={"Authorization": "Bearer old"})).status == 200
        keys.write_text(line_for("new", "team") + "\n")

        async def lets_in_the_new_one() -> bool:
            return (await it.ask(headers={"X-Api-Key": "new"})).status == 200

        await until_it(lets_in_the_new_one)
        assert (await it.ask(headers={"Authorization": "Bearer old"})).status == 401
        assert it.llamas[0].requests >= 2


async def test_the_clients_key_never_reaches_a_replica_and_the_replicas_own_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "keys").write_text(line_for("client", "team") + "\n")
    (tmp_path / "server-key").write_text("server\n")
    shape = replace(FAST, key="server")
    async with serving(tmp_path, FAST, keysFile="keys") as it:
        await it.llamas[0].restart(shape)
        entry = described(it.llamas[0])
        entry["backends"][0]["apiKeyFile"] = "server-key"
        it.gateway.rewrite([entry], keysFile="keys")

        async def served() -> bool:
            answer = await it.ask(headers={"Authorization": "Bearer client"})
            # Until the new configuration is read the server refuses: not the client's fault.
            assert answer.status in (200, 502, 503), answer.text
            return answer.status == 200

        # The fake server refuses every key but its own: 200 shows that it got that one.
        await until_it(served)


async def test_a_revoked_key_ends_though_another_line_is_broken(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{line_for('sk-a', 'team-a')}\n{line_for('sk-b', 'team-b')}\n")
    async with serving(tmp_path, FAST, keysFile="keys") as it:
        assert (await it.ask(headers={"X-Api-Key": "sk-a"})).status == 200
        assert await it.gateway.metric("keys") == 2
        keys.write_text(f"sk-in-the-clear\n{line_for('sk-b', 'team-b')}\n")

        async def revoked() -> bool:
            answer = await it.ask(headers={"X-Api-Key": "sk-a"})
            assert answer.status in (200, 401)
            return answer.status == 401

        await until_it(revoked)
        assert (await it.ask(headers={"X-Api-Key": "sk-b"})).status == 200
        assert await it.gateway.metric("keys") == 1
        assert await it.gateway.metric("key_lines_refused") == 1
        assert "in-the-clear" not in str(it.gateway.lines)

        keys.unlink()

        async def missing() -> bool:
            return await it.gateway.metric("keys_missing") == 1

        await until_it(missing)
        answer = await it.ask(headers={"X-Api-Key": "sk-b"})
        assert (answer.status, answer.code) == (401, "no_keys_configured")
        assert "no API keys configured" in answer.json["error"]["message"]


async def test_the_load_asks_for_its_token_with_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("load-token\n")
    async with Gateway.running(tmp_path, [{"name": "m"}], loadTokenFile="token") as it:
        url = it.admin + "/load"
        for token, status in (("", 401), ("wrong", 401), ("load-token", 200)):
            async with it.session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == status
        async with it.session.get(url, headers={"Accept": "application/x-ndjson"}) as answer:
            assert answer.status == 401


async def test_pages_of_named_origins_may_read_answers(tmp_path: Path) -> None:
    origins = {"origins": ["https://chat.example"]}
    async with serving(tmp_path, FAST, cors=origins) as it:
        headers = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"}
        async with it.gateway.session.options(it.gateway.url + CHAT, headers=headers) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example"
        good = await it.ask(headers={"Origin": "https://chat.example"})
        assert good.headers["access-control-allow-origin"] == "https://chat.example"
        bad = await it.ask(headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in bad.headers


async def test_a_connection_without_a_request_is_kept_for_so_long(tmp_path: Path) -> None:
    """Else for 75 s: the end of this one comes by the setting alone."""
    async with serving(tmp_path, FAST, env={"LLMSTACK_IDLE_SECONDS": "1"}) as it:
        reader, writer = await asyncio.open_connection(*it.gateway.address)
        for _ in range(2):
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b'{"status":"ok"}'))
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


async def test_a_conversation_comes_back_to_the_replica_that_has_its_prefix(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, FAST, FAST, FAST) as it:
        turns = [{"role": "user", "content": f"turn {n} " + "word " * 400} for n in range(4)]
        replicas = []
        for upto in range(1, 5):
            answer = await it.ask(messages=turns[:upto], max_tokens=1)
            replicas.append(answer.headers["x-llmstack-replica"])
            await it.ask(messages=[{"role": "user", "content": f"other {upto} " + "x " * 900}])
        assert len(set(replicas)) == 1
        assert float(answer.headers["x-llmstack-prefix-hit"]) > 0.5


async def test_affinity_never_leaves_a_slot_idle_while_a_request_waits(tmp_path: Path) -> None:
    shape = replace(FAST, slots=1, decode=20)
    async with serving(tmp_path, shape, shape) as it:
        words = [{"role": "user", "content": "same " * 500}]
        assert (await it.ask(messages=words, max_tokens=1)).status == 200
        tasks = [it.begin(messages=words, max_tokens=100) for _ in range(2)]
        await it.gateway.loaded(MODEL, busy=2, waiting=0)
        await gone(*tasks)


async def test_the_load_is_a_stream_of_changes(tmp_path: Path) -> None:
    async with serving(tmp_path, replace(FAST, decode=20)) as it:
        headers = {"Accept": "application/x-ndjson"}
        async with it.gateway.session.get(it.gateway.admin + "/load", headers=headers) as stream:
            task = it.begin(max_tokens=20)
            seen = []
            async with asyncio.timeout(30):
                while seen[-2:] != [1, 0]:
                    line = json.loads(await stream.content.readline())
                    assert line["version"] == 1
                    busy = line["models"][MODEL]["busy"]
                    if seen[-1:] != [busy]:
                        seen.append(busy)
            assert (await task).status == 200


async def test_without_keys_only_a_loopback_address_is_served(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="keysFile"):
        async with Gateway.running(tmp_path, [{"name": "m"}], listen="0.0.0.0:0"):
            pass


async def test_what_is_asked_twice_over_one_connection_is_answered_twice(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(20):
                async with session.post(it.gateway.url + CHAT, json=chat()) as answer:
                    assert answer.status == 200
                    await answer.read()
        assert it.llamas[0].connections <= 3
