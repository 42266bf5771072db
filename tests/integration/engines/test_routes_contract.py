"""Does the gateway serve llama-server's routes, and does docs/gateway.md say what it leaves out?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from llmstack.gateway.paths import HEALTH, MODELS, route
from tests.e2e.images.source import llama_server_source
from tests.support.llama.routes import routes

PAGE: Final = Path(__file__).parents[3] / "docs" / "gateway.md"
HEADING: Final = "### What llama-server serves and the gateway does not"
Routes = set[tuple[str, str]]


@pytest.fixture(scope="module")
def registered() -> Routes:
    return routes(llama_server_source())


def serves(method: str, path: str) -> bool:
    leads_to = route(path)
    if method == "POST":
        return leads_to.endpoint is not None
    return method == "GET" and leads_to.path in (HEALTH, MODELS)


def left_out() -> Routes:
    """The routes in the page's table."""
    table = PAGE.read_text().split(HEADING)[1].split("\n#")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return set(re.findall(r"`([A-Z]+) (/\S+)`", " ".join(cells)))


def test_each_route_is_served_or_said_not_to_be(registered: Routes) -> None:
    assert {each for each in registered if not serves(*each)} == left_out()


def test_the_search_finds_the_routes_that_matter(registered: Routes) -> None:
    """Else a source that is written in another way would pass as one without routes."""
    assert {("GET", "/health"), ("POST", "/v1/chat/completions"), ("POST", "/slots/:id_slot")} <= (
        registered
    )
    assert {("POST", "/rerank"), ("POST", "/v1/messages/count_tokens")} <= registered
    assert ("DELETE", "/v1/stream") in registered
    assert len(registered) > 40
