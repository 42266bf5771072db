"""How is llama-server run in its container?"""

from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.cache import source_claim
from llmstack.desired.context import Context
from llmstack.desired.metadata import (
    CACHE_PATH,
    CACHE_VOLUME,
    HELPERS_PATH,
    HELPERS_VOLUME,
    KEY_PATH,
    KEY_VOLUME,
    PORT,
    PORT_NAME,
    SERVER_CONTAINER,
    SERVER_KEY_FILE,
    SOURCE_PATH,
    SOURCE_VOLUME,
    TMP_PATH,
    TMP_VOLUME,
    Object,
)
from llmstack.desired.probes import liveness_probe, readiness_probe, startup_probe
from llmstack.desired.resources import server_resources
from llmstack.desired.security import container_security
from llmstack.desired.server_options import server_options
from llmstack.engines.for_operator import SERVER
from llmstack.errors import InvalidSpec

_SHIPPED = "llama-server"
"""Last part of the name of the image that images/llama-server makes."""


def build_server_container(deployment: LLMDeployment, context: Context) -> Object:
    """llama-server under the image's small init: the entrypoint is the image's, the flags ours.

    As process 1 the server would ignore SIGTERM while it loads; the init forwards it.
    """
    spec = deployment.spec
    arguments = SERVER.arguments(server_options(deployment, ipv6=context.ipv6))
    return {
        "name": SERVER_CONTAINER,
        "image": server_image(spec, context),
        "args": [str(word) for word in arguments],
        "env": _env(spec),
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "resources": server_resources(spec),
        "securityContext": container_security(),
        "startupProbe": startup_probe(spec.lifecycle),
        "readinessProbe": readiness_probe(),
        "livenessProbe": liveness_probe(_helper(SERVER.LIVENESS_HELPER, spec, context)),
        "lifecycle": {
            "preStop": {
                "exec": {
                    "command": [
                        *_helper(SERVER.DRAIN_HELPER, spec, context),
                        str(spec.lifecycle.drain_seconds),
                    ]
                }
            }
        },
        # The end of its log is the reason of a crash.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(spec, context),
    }


def server_image(spec: LLMDeploymentSpec, context: Context) -> str:
    """Return the image of llama-server. Raises InvalidSpec if there is none for the vendor."""
    vendor = spec.accelerator.vendor.value
    image = spec.engine.image or context.server_images.get(vendor)
    if not image:
        raise InvalidSpec(
            f"spec.accelerator.vendor: no llama-server image for {vendor} is configured: set "
            "spec.engine.image, or configure one in the operator (chart value serverImages)"
        )
    return image


def runs_shipped_engine(spec: LLMDeploymentSpec, context: Context) -> bool:
    """True if the image is this project's own, so that what it can load is known.

    Told by the name under which it is built and mirrored: an installation may name another
    project's image, whose llama.cpp may be newer.
    """
    reference = server_image(spec, context).partition("@")[0]
    repository = reference.rpartition("/")[2].partition(":")[0]
    return spec.engine.image is None and repository == _SHIPPED


def needs_helpers(spec: LLMDeploymentSpec, context: Context) -> bool:
    """True if the init container brings the helpers of images/llama-server into the pod.

    Another image may lack them, and a shell and curl as well: a static busybox comes with them.
    """
    return not runs_shipped_engine(spec, context)


def _helper(name: str, spec: LLMDeploymentSpec, context: Context) -> list[str]:
    """The command line that runs a helper, without the helper's own arguments."""
    if needs_helpers(spec, context):
        return [f"{HELPERS_PATH}/busybox", "sh", f"{HELPERS_PATH}/{name}"]
    return [name]


def _env(spec: LLMDeploymentSpec) -> list[Object]:
    """The user's variables, then those of the image's helpers, which nobody overrides."""
    ours = SERVER.helper_environment(SERVER_KEY_FILE, spec.lifecycle.wedge_seconds)
    given = {
        item.name: item.model_dump(mode="json", by_alias=True, exclude_none=True)
        for item in spec.pod.env
    }
    return [
        *(item for name, item in given.items() if name not in ours),
        *({"name": name, "value": value} for name, value in ours.items()),
    ]


def _mounts(spec: LLMDeploymentSpec, context: Context) -> list[Object]:
    mounts: list[Object] = [
        {"name": CACHE_VOLUME, "mountPath": CACHE_PATH, "readOnly": True},
        {"name": TMP_VOLUME, "mountPath": TMP_PATH},
        {"name": KEY_VOLUME, "mountPath": KEY_PATH, "readOnly": True},
    ]
    if needs_helpers(spec, context):
        mounts.append({"name": HELPERS_VOLUME, "mountPath": HELPERS_PATH, "readOnly": True})
    if source_claim(spec.model):
        mounts.append({"name": SOURCE_VOLUME, "mountPath": SOURCE_PATH, "readOnly": True})
    writable = {volume.name for volume in spec.pod.volumes if volume.writable}
    given = (
        mount.model_dump(mode="json", by_alias=True, exclude_none=True)
        for mount in spec.pod.volume_mounts
    )
    # The API server drops `readOnly: false`.
    return [
        *mounts,
        *(item if item["name"] in writable else {**item, "readOnly": True} for item in given),
    ]
