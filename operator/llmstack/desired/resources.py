"""How much CPU, memory and which devices do the containers ask for?"""

from llmstack.api.engine import EngineSpec
from llmstack.api.quantity import format_bytes, parse_bytes
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.api.volumes import ResourceClaim
from llmstack.desired.metadata import Object

ACCELERATOR_CLAIM = "accelerator"
"""Name in the pod of the claim that spec.accelerator asks for."""
SERVER_BASE_BYTES = 512 * 2**20
"""What llama-server needs beside the model and its caches: code, buffers, tokenizer."""


def server_resources(spec: LLMDeploymentSpec) -> Object:
    """Return the resources of the llama-server container.

    What the user gives is taken as it is. A memory request that is not given is estimated as the
    prompt cache plus a base. The model's weights are not in it: on an accelerator they do not lie
    in host memory, and on the CPU they are a file mapping that the kernel may drop; whoever serves
    from the CPU gives `engine.resources.requests.memory`.
    """
    requests = {**_estimated_memory(spec.engine), **spec.engine.resources.requests}
    limits = dict(spec.engine.resources.limits)
    resource = spec.accelerator.resource
    if resource:
        # Kubernetes wants request and limit of a device to be equal.
        requests[resource] = limits[resource] = str(spec.accelerator.count)
    claims = server_claims(spec)
    return {
        "requests": requests,
        **({"limits": limits} if limits else {}),
        **({"claims": claims} if claims else {}),
    }


def server_claims(spec: LLMDeploymentSpec) -> list[Object]:
    """The claims of dynamic resource allocation that llama-server uses."""
    return [
        {"name": name, **({"request": claim.request} if claim.request else {})}
        for name, claim in _claims(spec)
    ]


def pod_claims(spec: LLMDeploymentSpec) -> list[Object]:
    """The same claims, with their origin, as the pod lists them."""
    return [
        {"name": name, "resourceClaimName": claim.resource_claim_name}
        if claim.resource_claim_name
        else {"name": name, "resourceClaimTemplateName": claim.resource_claim_template_name}
        for name, claim in _claims(spec)
    ]


def _claims(spec: LLMDeploymentSpec) -> list[tuple[str, ResourceClaim]]:
    device = spec.accelerator.resource_claim
    own: list[tuple[str, ResourceClaim]] = [(ACCELERATOR_CLAIM, device)] if device else []
    return [*own, *((claim.name, claim) for claim in spec.pod.resource_claims)]


def _estimated_memory(engine: EngineSpec) -> dict[str, str]:
    """None where a limit is given: Kubernetes then takes the limit as the request."""
    if "memory" in engine.resources.limits:
        return {}
    return {"memory": format_bytes(SERVER_BASE_BYTES + parse_bytes(engine.prompt_cache_memory))}


def fetch_resources() -> Object:
    """Return the resources of the download. The limit leaves room for the page cache."""
    return {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
