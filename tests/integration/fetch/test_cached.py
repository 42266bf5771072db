"""What does a start cost whose model is in the cache? Every replica waits for it."""

import re

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes()
IMPORTED = re.compile(r"^import time: .*\| +(\S+)$", re.MULTILINE)
SLOW_TO_IMPORT = {
    *("pydantic", "urllib3", "ssl", "http.client", "traceback", "random"),
    *("llmstack.settings.operator", "llmstack.settings.gateway"),
}


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def imported(log: str) -> set[str]:
    """The modules that a process imported, as it was told to write down."""
    return set(IMPORTED.findall(log))


def test_a_model_in_the_cache_costs_no_import_of_what_only_a_download_needs(fetcher, hub):
    source = hub.plain("owner/repo/q4.gguf")
    first = fetcher(source, PYTHONPROFILEIMPORTTIME="1")
    asked = len(hub.requests_to("hub"))

    again = fetcher(source, PYTHONPROFILEIMPORTTIME="1")

    assert again.status == 0, again.log
    assert again.result == first.result
    assert len(hub.requests_to("hub")) == asked
    assert "urllib3" in imported(first.log)
    assert "llmstack.fetch.cache" in imported(again.log)
    assert imported(again.log) & SLOW_TO_IMPORT == set()


def test_what_the_deployment_asks_is_held_against_a_model_in_the_cache(fetcher, hub):
    source = hub.plain("owner/repo/q4.gguf")
    assert fetcher(source).status == 0

    refused = fetcher(source, "--context-length", "1000000000")

    assert refused.failure.reason == reasons.CONTEXT_LENGTH_TOO_LARGE
