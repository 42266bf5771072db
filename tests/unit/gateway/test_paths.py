"""Where does a client's path lead?"""

import pytest

from llmstack.api.engine import Mode
from llmstack.gateway import endpoints
from llmstack.gateway.paths import HEALTH, MODEL, MODELS, NOWHERE, ROOT, find, route

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("path", endpoints.paths())
def test_an_endpoint_is_forwarded_as_post_alone(path: str) -> None:
    endpoint = find("POST", path)
    assert endpoint is not None
    assert endpoint.path == path
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH"):
        assert find(method, path) is None


@pytest.mark.parametrize(
    ("path", "leads_to", "model"),
    [
        # llama-server's other names.
        ("/chat/completions", CHAT, ""),
        ("/completions", "/completion", ""),
        ("/completion", "/completion", ""),
        ("/v1/completions", "/v1/completions", ""),
        ("/responses", "/v1/responses", ""),
        ("/embeddings", "/embeddings", ""),
        ("/embedding", "/embeddings", ""),
        ("/rerank", "/v1/rerank", ""),
        ("/reranking", "/v1/rerank", ""),
        ("/v1/reranking", "/v1/rerank", ""),
        ("/chat/completions/input_tokens", "/v1/chat/completions/input_tokens", ""),
        ("/responses/input_tokens", "/v1/responses/input_tokens", ""),
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens", ""),
        ("/audio/transcriptions", "/v1/audio/transcriptions", ""),
        ("/openai/deployments/a/audio/transcriptions", "/v1/audio/transcriptions", "a"),
        # Base URLs that end with what the client adds.
        ("//v1/chat/completions", CHAT, ""),
        ("//chat/completions", CHAT, ""),
        ("/v1//chat/completions", CHAT, ""),
        ("/v1/chat/completions/", CHAT, ""),
        ("/v1/chat/completions//", CHAT, ""),
        ("/v1/v1/messages", "/v1/messages", ""),
        ("/v1/v1/v1/messages", "/v1/messages", ""),
        ("/v1/chat%2Fcompletions", CHAT, ""),
        # Azure's.
        ("/openai/v1/chat/completions", CHAT, ""),
        ("/openai/v1/embeddings", "/v1/embeddings", ""),
        ("/openai/responses", "/v1/responses", ""),
        ("/openai/deployments/qwen/chat/completions", CHAT, "qwen"),
        ("/openai/deployments/qwen/completions", "/v1/completions", "qwen"),
        ("/openai/deployments/qwen/embeddings", "/v1/embeddings", "qwen"),
        ("/openai/deployments/team-a%2Fqwen/chat/completions", CHAT, "team-a/qwen"),
        ("/openai/deployments/team-a/qwen/chat/completions", CHAT, "team-a/qwen"),
        ("//openai/deployments/qwen/chat/completions/", CHAT, "qwen"),
    ],
)
def test_one_endpoint_has_many_spellings(path: str, leads_to: str, model: str) -> None:
    found = route(path)
    assert found.endpoint is not None
    assert (found.endpoint.path, found.model) == (leads_to, model)


@pytest.mark.parametrize(
    ("path", "ours", "model"),
    [
        ("/v1/models", MODELS, ""),
        ("/v1/models/", MODELS, ""),
        ("/models", MODELS, ""),
        ("//v1/models", MODELS, ""),
        ("/openai/models", MODELS, ""),
        ("/openai/v1/models", MODELS, ""),
        ("/v1/models/qwen", MODEL, "qwen"),
        ("/models/qwen", MODEL, "qwen"),
        ("/v1/models/team-a/qwen", MODEL, "team-a/qwen"),
        ("/v1/models/team-a%2Fqwen", MODEL, "team-a/qwen"),
        ("/v1/models/a%252Fb", MODEL, "a%2Fb"),
        ("/v1/models/q%C3%A9", MODEL, "qé"),
        ("/health", HEALTH, ""),
        ("/v1/health", HEALTH, ""),
        ("/health/", HEALTH, ""),
        ("/", ROOT, ""),
        ("//", ROOT, ""),
    ],
)
def test_what_the_gateway_answers_itself(path: str, ours: str, model: str) -> None:
    assert route(path) == (ours, None, model)


@pytest.mark.parametrize(
    "path",
    [
        "/slots",
        "/v1/slots",
        "/openai/slots",
        "/openai/deployments/qwen/slots",
        "/openai/deployments/qwen/tokenize",
        "/slots/0",
        "/props",
        "/metrics",
        "/lora-adapters",
        "/tools",
        "/cors-proxy",
        "/v1/stream",
        "/v1/streams/lookup",
        "/v1/../slots",
        "/v1/%2e%2e/slots",
        "/V1/chat/completions",
        "/v1/chat/completions/sk-secret",
        "/sk-secret/v1/chat/completions",
        "sk-secret",
        "*",
        "/v1/models/" + "x" * 5000,
    ],
)
def test_all_else_leads_nowhere(path: str) -> None:
    assert route(path) == (NOWHERE, None, "")


@pytest.mark.parametrize("path", ["/v1/models/sk-secret", "/models/sk-secret"])
def test_a_log_shows_no_name_that_may_be_a_key(path: str) -> None:
    assert route(path).path == "/v1/models/{name}"
    azure = route("/openai/deployments/sk-secret/chat/completions")
    assert azure.path == CHAT


def test_every_mode_has_an_endpoint_that_computes() -> None:
    for mode in Mode:
        assert any(endpoints.BY_PATH[path].slots for path in endpoints.serving(mode))


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/v1/audio/translations", "/v1/audio/translations"),
        ("/audio/translations", "/v1/audio/translations"),
        ("//v1/audio/translations/", "/v1/audio/translations"),
        ("/openai/deployments/whisper/audio/translations", "/v1/audio/translations"),
        ("/v1/images/generations", "/v1/images/generations"),
        ("/v1/moderations", "/v1/moderations"),
    ],
)
def test_what_clients_may_expect_is_known_and_not_forwarded(path: str, ours: str) -> None:
    found = route(path)
    assert (found.path, found.endpoint) == (ours, None)
    assert ours in endpoints.UNSERVED
