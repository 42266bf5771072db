"""How does the init container bring the model?"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from llmstack.api.model import ModelSpec
from llmstack.api.resource import LLMDeployment
from llmstack.desired.cache import source_claim
from llmstack.desired.context import Context
from llmstack.desired.metadata import (
    CA_FILE,
    CA_PATH,
    CA_VOLUME,
    CACHE_PATH,
    CACHE_VOLUME,
    FETCH_CONTAINER,
    HELPERS_PATH,
    HELPERS_VOLUME,
    SOURCE_PATH,
    SOURCE_VOLUME,
    TMP_PATH,
    TMP_VOLUME,
    TOKEN_FILE,
    TOKEN_PATH,
    TOKEN_VOLUME,
    Object,
)
from llmstack.desired.resources import fetch_resources
from llmstack.desired.security import container_security
from llmstack.desired.server_container import needs_helpers, runs_shipped_engine

TERMINATION_LOG = "/dev/termination-log"


def build_fetch_container(deployment: LLMDeployment, context: Context) -> Object:
    """`llmstack fetch`: downloads, verifies and publishes the model before the server starts."""
    return {
        "name": FETCH_CONTAINER,
        "image": context.fetch_image,
        "args": [*fetch_args(deployment, context)],
        "env": _env(deployment.spec.model, context),
        "resources": fetch_resources(),
        "securityContext": container_security(),
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": _mounts(deployment, context),
    }


def fetch_args(deployment: LLMDeployment, context: Context) -> tuple[str, ...]:
    """Return the command line of the init container."""
    model, context_length = deployment.spec.model, deployment.spec.asked_context_length
    options: list[tuple[str, str | None]] = [
        ("--source", model.source),
        ("--sha256", model.sha256),
        ("--mmproj", model.mmproj.source if model.mmproj else None),
        ("--mmproj-sha256", model.mmproj.sha256 if model.mmproj else None),
        ("--cache", CACHE_PATH),
        # Of the default nobody expects more than the model has, and the server lowers it by itself.
        ("--context-length", None if context_length is None else str(context_length)),
        ("--termination-log", TERMINATION_LOG),
        ("--helpers", HELPERS_PATH if needs_helpers(deployment.spec, context) else None),
    ]
    words = (word for flag, value in options if value is not None for word in (flag, value))
    engine = ("--shipped-engine",) if runs_shipped_engine(deployment.spec, context) else ()
    return ("fetch", *words, *engine)


def fetched_sources(template: Mapping[str, Any]) -> list[str]:
    """The sources that the replicas of a pod template fetch."""
    words = [
        word
        for container in template["spec"].get("initContainers") or ()
        if container["name"] == FETCH_CONTAINER
        for word in container.get("args") or ()
    ]
    flags = ("--source", "--mmproj")
    return [value for flag, value in pairwise(words) if flag in flags]


def _env(model: ModelSpec, context: Context) -> list[Object]:
    values = {**context.fetch_env, "TMPDIR": TMP_PATH}
    if model.secret_ref:
        values["HF_TOKEN_FILE"] = TOKEN_FILE
    if context.ca_bundle:
        values["SSL_CERT_FILE"] = CA_FILE
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _mounts(deployment: LLMDeployment, context: Context) -> list[Object]:
    model = deployment.spec.model
    mounts: list[Object] = [
        {"name": CACHE_VOLUME, "mountPath": CACHE_PATH},
        {"name": TMP_VOLUME, "mountPath": TMP_PATH},
    ]
    if needs_helpers(deployment.spec, context):
        mounts.append({"name": HELPERS_VOLUME, "mountPath": HELPERS_PATH})
    if source_claim(model):
        mounts.append({"name": SOURCE_VOLUME, "mountPath": SOURCE_PATH, "readOnly": True})
    if model.secret_ref:
        mounts.append({"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True})
    if context.ca_bundle:
        mounts.append({"name": CA_VOLUME, "mountPath": CA_PATH, "readOnly": True})
    return mounts
