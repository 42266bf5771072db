"""Which paths are forwarded?"""

import pytest

from llmstack.api.engine import Mode
from llmstack.gateway import endpoints


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/rerank",
        "/v1/messages",
        "/completion",
        "/tokenize",
        "/detokenize",
        "/apply-template",
        "/infill",
    ],
)
def test_is_forwarded_as_post_alone(path):
    assert endpoints.find("POST", path).path == path
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH"):
        assert endpoints.find(method, path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/slots",
        "/slots/0",
        "/props",
        "/metrics",
        "/lora-adapters",
        "/tools",
        "/cors-proxy",
        "/health",
        "/v1/stream",
        "/v1/streams/lookup",
        "/models/load",
        "/v1/chat/completions/",
        "/v1/chat/completions/control",
        "//v1/chat/completions",
        "/v1/../slots",
        "/V1/chat/completions",
        "",
    ],
)
def test_all_else_is_not(path):
    for method in ("GET", "POST"):
        assert endpoints.find(method, path) is None


def test_every_mode_has_an_endpoint_that_computes():
    for mode in Mode:
        assert any(endpoints.find("POST", path).slots for path in endpoints.serving(mode))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/models", "/v1/models"),
        ("/v1/models/qwen", "/v1/models/{name}"),
        ("/v1/models/sk-secret", "/v1/models/{name}"),
        ("/v1/chat/completions/sk-secret", "other"),
        ("/sk-secret/v1/chat/completions", "other"),
        ("sk-secret", "other"),
        ("/", "other"),
        ("*", "other"),
    ],
)
def test_what_a_log_shows_of_a_path(path: str, shown: str) -> None:
    assert endpoints.public_path(path) == shown
