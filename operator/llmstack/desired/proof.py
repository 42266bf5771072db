"""What is tried of a pod template before a serving replica is stopped for it?

Derived from the template itself, so that it is what the replicas would do:

    fetch            the init container, on the same volumes. Where the cache outlives the pod it
                     brings the whole model; else it only looks (`--check`): what it would bring
                     could not be kept. The server's Secrets, ConfigMaps and claims are mounted, too
    llama-server     only if its image is another one than before: `--version`, which proves that
                     the image can be pulled and is a llama-server

Both run on the nodes that the replicas may run on, without a device.
"""

from collections.abc import Mapping
from typing import Any

from llmstack.desired.hashing import canonical, digest
from llmstack.desired.metadata import (
    CACHE_VOLUME,
    FETCH_CONTAINER,
    SERVER_CONTAINER,
    TMP_PATH,
    TMP_VOLUME,
    Object,
)
from llmstack.desired.security import container_security
from llmstack.engines.for_operator import SERVER

Template = Mapping[str, Any]

_PLACED = (
    "serviceAccountName",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "securityContext",
    "nodeSelector",
    "tolerations",
    "affinity",
    "imagePullSecrets",
)
"""Fields of the pod that the proof's has, too. No runtime class: it may hand out devices."""

_PROOF_PATH = "/run/llmstack/proof"
_CHECK_LIMIT = "64Mi"
"""More than the header of a model, which is all that `--check` reads."""


def proof_pod(template: Template, recorded: Template) -> Object | None:
    """The spec of the pod that proves `template`; None if it has nothing new to prove.

    What the replicas in use have proved, by running, is what is `recorded`. Where each pod fetches
    anew, they prove nothing: the source may be gone by now.
    """
    wanted, known = _fetching(template), _fetching(recorded)
    image = _image(template)
    new_image = image != _image(recorded)
    same = canonical(wanted) == canonical(known) and not new_image
    if same and (_keeps_cache(template) or canonical(template) == canonical(recorded)):
        return None
    server = [_version(image)] if new_image else []
    containers = [*server, *wanted["containers"]]
    return {**wanted, "restartPolicy": "OnFailure", "containers": containers}


def proof_hash(pod: Object) -> str:
    """Short name of what a pod proves."""
    return digest(canonical(pod))[:16]


def _fetching(template: Template) -> Object:
    spec = template["spec"]
    fetch = dict(_container(spec["initContainers"], FETCH_CONTAINER))
    mounted = {mount["name"] for mount in fetch["volumeMounts"]}
    volumes = [each for each in spec["volumes"] if each["name"] in mounted or _is_given(each)]
    fetch["volumeMounts"] = [
        *fetch["volumeMounts"],
        *(_beside(each) for each in volumes if each["name"] not in mounted),
    ]
    if not _keeps_cache(template):
        fetch["args"] = [*fetch["args"], "--check"]
        volumes = [_looked_at(volume) for volume in volumes]
    placed = {key: spec[key] for key in _PLACED if key in spec}
    return {**placed, "containers": [fetch], "volumes": volumes}


def _is_given(volume: Object) -> bool:
    """Whether it has to be there already: a Secret, a ConfigMap, a claim."""
    return not volume.keys() & {"emptyDir", "ephemeral"}


def _beside(volume: Object) -> Object:
    """A volume of the server's, mounted to prove that it can be: the kubelet mounts no other."""
    name = volume["name"]
    return {"name": name, "mountPath": f"{_PROOF_PATH}/{name}", "readOnly": True}


def _keeps_cache(template: Template) -> bool:
    """Whether what a pod fetches is there for the next one, or nothing is fetched.

    An emptyDir with a limit is one that nothing is fetched into (cache.py).
    """
    volumes = template["spec"]["volumes"]
    cache = next(volume for volume in volumes if volume["name"] == CACHE_VOLUME)
    return "persistentVolumeClaim" in cache or bool(cache.get("emptyDir"))


def _looked_at(volume: Object) -> Object:
    if volume["name"] != CACHE_VOLUME:
        return volume
    return {"name": CACHE_VOLUME, "emptyDir": {"sizeLimit": _CHECK_LIMIT}}


def _version(image: str) -> Object:
    return {
        "name": SERVER_CONTAINER,
        "image": image,
        "args": list(SERVER.VERSION_ARGUMENTS),
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": TMP_VOLUME, "mountPath": TMP_PATH}],
    }


def _image(template: Template) -> str:
    return str(_container(template["spec"]["containers"], SERVER_CONTAINER)["image"])


def _container(containers: list[Object], name: str) -> Object:
    return next(container for container in containers if container["name"] == name)
