"""Deployments and objects that the tests of builders share."""

from typing import Any

from llmstack.api.resource import LLMDeployment, parse
from llmstack.desired import Context, GatewayPlace, build
from llmstack.desired.metadata import Object

SOURCE = "hf://owner/repo/model.gguf"
CONTEXT = Context(
    server_images={"cpu": "llama-server:cpu", "nvidia": "llama-server:cuda"},
    fetch_image="llm-stack:1",
    server_key="secret-key",
    gateway=GatewayPlace(
        host="gateway.llm-stack.svc.cluster.local",
        namespace="llm-stack",
        pods={"app.kubernetes.io/component": "gateway"},
    ),
)


def deployment(name: str = "qwen", uid: str = "uid-1", **spec: Any) -> LLMDeployment:
    """An LLMDeployment as the API server hands it out; `spec` in camelCase."""
    model = {"source": SOURCE, **spec.pop("model", {})}
    return parse(
        {
            "metadata": {"namespace": "team-a", "name": name, "uid": uid, "generation": 3},
            "spec": {"model": model, **spec},
        }
    )


def built(kind: str, context: Context = CONTEXT, **spec: Any) -> Object:
    """The one object of this kind."""
    (found,) = all_built(kind, context, **spec)
    return found


def all_built(kind: str, context: Context = CONTEXT, **spec: Any) -> list[Object]:
    """All objects of this kind."""
    return [item for item in build(deployment(**spec), context) if item["kind"] == kind]


def pod(context: Context = CONTEXT, **spec: Any) -> Object:
    """The spec of the pod template."""
    return built("Deployment", context, **spec)["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def server(**spec: Any) -> Object:
    """llama-server's container."""
    return pod(**spec)["containers"][0]  # type: ignore[no-any-return]


def fetch(context: Context = CONTEXT, **spec: Any) -> Object:
    """The init container."""
    return pod(context, **spec)["initContainers"][0]  # type: ignore[no-any-return]


def volume(name: str, context: Context = CONTEXT, **spec: Any) -> Object:
    """One volume of the pod, without its name."""
    (found,) = (item for item in pod(context, **spec)["volumes"] if item["name"] == name)
    return {key: value for key, value in found.items() if key != "name"}


def env(container: Object) -> dict[str, Any]:
    """The environment, by name."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def mounts(container: Object) -> dict[str, bool]:
    """Is a mount read-only? By path."""
    return {item["mountPath"]: item.get("readOnly", False) for item in container["volumeMounts"]}
