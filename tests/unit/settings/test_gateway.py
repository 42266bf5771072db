"""Which settings does an environment ask of the gateway?"""

from __future__ import annotations

import pytest

from llmstack.errors import ConfigurationError
from llmstack.settings.gateway import GatewaySettings

NEEDED = {"POD_NAMESPACE": "llm-stack"}


def test_in_a_cluster_the_namespace_suffices() -> None:
    settings = GatewaySettings.from_env(NEEDED)
    assert (settings.namespace, settings.namespaces) == ("llm-stack", ())
    assert (settings.root_secret, settings.keys_secret) == ("llmstack-root", "")
    assert (settings.http_port, settings.admin_port) == (8080, 9090)
    assert settings.limits.body == 64 * 1024 * 1024


def test_with_a_file_nothing_is_needed() -> None:
    assert GatewaySettings.from_env({}, cluster=False).namespace == ""


def test_what_is_set_is_read() -> None:
    env = {
        **NEEDED,
        "LLMSTACK_NAMESPACES": "a, b",
        "LLMSTACK_KEYS_SECRET": "keys",
        "LLMSTACK_CORS_ORIGINS": "https://a.example,https://b.example",
        "LLMSTACK_STREAM_IDLE_SECONDS": "2.5",
        "LLMSTACK_MAX_CONNECTIONS": "7",
        "LLMSTACK_LOG_LEVEL": "DEBUG",
    }
    settings = GatewaySettings.from_env(env)
    assert settings.namespaces == ("a", "b")
    assert settings.keys_secret == "keys"
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert (settings.limits.answer_idle_seconds, settings.limits.connections) == (2.5, 7)
    assert settings.log_level == "debug"


def test_what_may_be_held_follows_from_the_memory() -> None:
    limits = GatewaySettings.from_env({**NEEDED, "LLMSTACK_MEMORY_BYTES": "536870912"}).limits
    assert limits.bodies == 536870912 * 2 // 5
    asked = {"LLMSTACK_MEMORY_BYTES": "536870912", "LLMSTACK_HELD_BYTES": "1000"}
    assert GatewaySettings.from_env({**NEEDED, **asked}).limits.bodies == 1000


WRONG = [
    ("no namespace", {"POD_NAMESPACE": ""}, "POD_NAMESPACE is not set"),
    ("no number", {"LLMSTACK_BODY_BYTES": "64Mi"}, "LLMSTACK_BODY_BYTES must be a number"),
    ("no time at all", {"LLMSTACK_IDLE_SECONDS": "0"}, "LLMSTACK_IDLE_SECONDS must be a positive"),
]


@pytest.mark.parametrize(("sentence", "env", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_ones_are_named(sentence: str, env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        GatewaySettings.from_env({**NEEDED, **env})
