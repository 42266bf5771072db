"""What is answered without a key, and which headers bring one?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from openai import AsyncAzureOpenAI

from llmstack.gateway.keys import line_for
from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import Replica, gateway, on_uvloop
from tests.integration.gateway.serving import CHAT, FAST, MODEL, Serving, chat, serving
from tests.support.said import SAID

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[Serving]:
    """A gateway that asks for the key `sk-one`."""
    SAID.give("sk-one")
    (folder / "keys").write_text(line_for("sk-one", "team") + "\n")
    async with serving(folder, FAST, keysFile="keys") as it:
        yield it


@pytest.mark.parametrize("path", ["/health", "/v1/health", "/", "//health", "/health/"])
async def test_the_health_needs_no_key_and_tells_nothing(tmp_path: Path, path: str) -> None:
    async with locked(tmp_path) as it:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await it.ask(path, method="GET", headers=headers)
            assert (answer.status, answer.json) == (200, {"status": "ok"})
        assert (await it.ask(path)).status == 401
        assert (await it.ask("/v1/models", method="GET")).status == 401


async def test_a_browser_sees_a_page_that_names_no_model(tmp_path: Path) -> None:
    async with locked(tmp_path) as it:
        answer = await it.ask("/", method="GET", headers={"Accept": PAGE})
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert b"<h1>" in answer.text
        assert MODEL.encode() not in answer.text
        health = await it.ask("/health", method="GET", headers={"Accept": PAGE})
        assert health.json == {"status": "ok"}


async def test_head_is_answered_where_get_is(tmp_path: Path) -> None:
    async with locked(tmp_path) as it, aiohttp.ClientSession() as session:
        for path, status in (("/health", 200), ("/", 200), ("/v1/models", 401), (CHAT, 401)):
            async with session.head(it.gateway.url + path) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
        headers = {"X-Api-Key": "sk-one"}
        for path, status in (("/v1/models", 200), ("/models", 200), (CHAT, 404)):
            async with session.head(it.gateway.url + path, headers=headers) as answer:
                assert (answer.status, await answer.read()) == (status, b"")


@on_uvloop
async def test_the_health_is_503_while_new_clients_should_go_elsewhere() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        health = b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n"
        assert (await front.ask(health)).status == 200
        front.app.why_not_serving = lambda: "it is stopping"
        answer = await front.ask(health)
        assert answer.status == 503
        error = json.loads(answer.body)["error"]
        assert (error["code"], error["message"]) == (
            "not_serving",
            "The gateway is not serving: it is stopping.",
        )


@pytest.mark.parametrize("name", ["X-Api-Key", "Api-Key", "api-key"])
async def test_a_key_comes_in_any_of_these_headers(tmp_path: Path, name: str) -> None:
    async with locked(tmp_path) as it:
        assert (await it.ask(headers={name: "sk-one"})).status == 200
        assert (await it.ask(headers={name: "sk-two"})).status == 401


async def test_a_path_of_azures_names_the_model(tmp_path: Path) -> None:
    async with locked(tmp_path) as it:
        path = "/openai/deployments/{}/chat/completions?api-version=2024-10-21"
        headers = {"api-key": "sk-one"}
        served = await it.ask(path.format(MODEL), headers=headers, model="whatever", max_tokens=2)
        assert served.status == 200
        unknown = await it.ask(path.format("none"), headers=headers)
        assert (unknown.status, unknown.code) == (404, "model_not_found")
        entry = await it.gateway.logged(request=served.headers["x-request-id"])
        assert (entry["path"], entry["model"]) == (CHAT, MODEL)


async def test_a_model_whose_name_has_a_slash_is_found_by_its_path(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, model={"aliases": ["org/model"]}) as it:
        for path in ("/v1/models/org/model", "/v1/models/org%2Fmodel", "//models/org/model/"):
            answer = await it.ask(path, method="GET")
            assert (answer.status, answer.json["id"]) == (200, MODEL)


async def test_azures_client_is_served(tmp_path: Path) -> None:
    async with locked(tmp_path) as it:
        client = AsyncAzureOpenAI(
            api_key="sk-one", azure_endpoint=it.gateway.url, api_version="2024-10-21"
        )
        body = chat(max_tokens=2)
        answer = await client.chat.completions.create(**body)
        assert answer.choices[0].message.content
        events = await client.chat.completions.create(**body, stream=True)
        assert [event async for event in events]
        assert [model.id async for model in client.models.list()] == [MODEL]
        await client.close()
