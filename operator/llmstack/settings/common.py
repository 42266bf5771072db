"""Which settings do several processes read, each in its own default?"""

from typing import Any

from llmstack.settings.reader import choice, count, names, seconds, text
from llmstack.settings.setting import setting

LOG_LEVELS = ("debug", "info", "warning", "error")


def identity(default: str, meaning: str) -> Any:
    return setting("POD_NAME", text, meaning, default)


def namespaces() -> Any:
    return setting(
        "LLMSTACK_NAMESPACES",
        names,
        "Comma-separated namespaces whose LLMDeployments are served.",
        (),
        shown="all",
    )


def root_secret() -> Any:
    return setting(
        "LLMSTACK_ROOT_SECRET",
        text,
        "Secret from which server keys are derived. The operator creates it; until then, the "
        "gateway is not ready.",
        "llmstack-root",
    )


def api_timeout() -> Any:
    return setting(
        "LLMSTACK_API_TIMEOUT_SECONDS",
        seconds,
        "Timeout of Kubernetes API calls, except watches.",
        20.0,
    )


def http_port(meaning: str) -> Any:
    return setting("LLMSTACK_HTTP_PORT", count, meaning, 8080)


def log_level() -> Any:
    return setting(
        "LLMSTACK_LOG_LEVEL",
        choice(*LOG_LEVELS),
        "`debug`, `info`, `warning` or `error`.",
        "info",
    )


def kubeconfig() -> Any:
    return setting(
        "KUBECONFIG",
        text,
        "Colon-separated kubeconfig files for running outside a cluster.",
        "",
    )
