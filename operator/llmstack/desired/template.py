"""Which pod template is applied: the one in use, or a new one?

Another template restarts every replica and loads the model again. So it is built anew only when
the spec changes; a new operator version alone never does it. The template in use is recorded on
the Deployment as it was built, beside the hash of the spec that it was built from:

    spec hash = recorded hash   ─> the recorded template
    held (hold.py)              ─> the recorded template, until the newest one is proved
    else                        ─> build_pod_template, recorded from then on; where that says the
                                   same in other words (1024Mi, 1Gi), the recorded template stays

What may change without the spec comes on top, in `annotate`: the server key's hash.

A record is an annotation of the Deployment as long as it fits there, the larger ones compressed.
What does not fit even so is in a ConfigMap of its own (config_map.py), which the annotation names.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.context import Context, Recorded
from llmstack.desired.drift import alike
from llmstack.desired.hashing import canonical, digest
from llmstack.desired.metadata import (
    KEY_HASH,
    SPEC_HASH,
    TEMPLATE,
    TEMPLATE_BEFORE,
    TEMPLATE_HASH,
    TEMPLATE_KEY,
    Object,
    annotation,
)
from llmstack.desired.pod_template import build_pod_template

_PLAIN_LIMIT = 128 * 1024
"""A longer record is compressed; a shorter one is read by older versions of the operator, too."""
_ANNOTATION_LIMIT = 192 * 1024
"""All annotations of an object may have 256 KiB, and others write some."""
_CONFIG_MAP_LIMIT = 1000 * 1024
"""A ConfigMap may hold 1 MiB."""
_TEXT_LIMIT = 16 * 1024 * 1024
"""More than an object can have: a record that was edited must not fill the memory."""
_PACKED, _ELSEWHERE = "zlib:", "configmap:"
_NAME = re.compile(rf"{_ELSEWHERE}([a-z0-9.-]+)")

_NOT_OF_THE_POD = {"replicas", "autoscaling", "queue"}


def spec_hash(spec: LLMDeploymentSpec) -> str:
    """Return the hash of the fields that a pod template is built from.

    Only from fields that differ from their defaults, so that a field that a newer version adds
    changes nothing; and without the fields that no pod depends on.
    """
    wishes = spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_OF_THE_POD
    )
    wishes["model"].pop("aliases", None)
    return digest(canonical(wishes))


def choose_template(deployment: LLMDeployment, context: Context) -> Recorded:
    """Return the template for this spec."""
    wanted = spec_hash(deployment.spec)
    if context.recorded and (context.held or context.recorded.spec_hash == wanted):
        return context.recorded
    template = build_pod_template(deployment, context)
    if context.recorded and alike(context.recorded.template, template):
        return Recorded(wanted, context.recorded.template)
    return Recorded(wanted, template)


def annotate(template: Mapping[str, Any], server_key: str) -> Object:
    """The template as it is applied: pods tell from which template and key they were made.

    A server reads its key once, so another key must restart it.
    """
    metadata = template["metadata"]
    annotations = {
        **metadata.get("annotations", {}),
        TEMPLATE_HASH: template_hash(template),
        KEY_HASH: digest(server_key)[:16],
    }
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def template_hash(template: Mapping[str, Any]) -> str:
    """Short name of a template, the key aside."""
    return digest(canonical(template))[:16]


def record(chosen: Recorded, name: str) -> dict[str, str]:
    """The annotations of the Deployment that keep the template for the next operator version.

    `name` is that of the ConfigMap for a record that is too large for them. One too large even for
    that is not kept: each version builds it anew.
    """
    text = canonical(chosen.template)
    kept = text if len(text) <= _PLAIN_LIMIT else _packed(text)
    if len(kept) > _CONFIG_MAP_LIMIT:
        return {}
    if len(kept) > _ANNOTATION_LIMIT:
        kept = f"{_ELSEWHERE}{name}"
    return {SPEC_HASH: chosen.spec_hash, TEMPLATE: kept, TEMPLATE_HASH: digest(text)[:16]}


def pack(chosen: Recorded) -> str:
    """The record as a ConfigMap keeps it."""
    return _packed(canonical(chosen.template))


def place(workload: Mapping[str, Any] | None) -> str:
    """The name of the ConfigMap with the record of this Deployment; "" if there is none."""
    text = annotation(workload or {}, TEMPLATE)
    found = _NAME.fullmatch(text)
    return found[1] if found else ""


def places(workload: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Names of the ConfigMaps with this Deployment's record and the one before, if there are any.

    The one before is deleted once the Deployment names another. An operator that dies in between
    finds it by this.
    """
    found = (place(workload), annotation(workload or {}, TEMPLATE_BEFORE))
    return tuple(name for name in found if name)


def before(workload: Mapping[str, Any], live: tuple[str, ...]) -> dict[str, str]:
    """The annotation that names the record before. `live` are the places of the live Deployment."""
    name = next((name for name in live if name != place(workload)), "")
    return {TEMPLATE_BEFORE: name} if name else {}


def read_recorded(
    live: Mapping[str, Any] | None, elsewhere: Mapping[str, Any] | None = None
) -> Recorded | None:
    """The template that a live Deployment records; None if there is none, or it was tampered with.

    `elsewhere` is the ConfigMap that `place` names. The pods' own template in `spec` will not do:
    the API server adds defaults, people edit it.
    """
    kept = annotation(live or {}, TEMPLATE)
    if place(live):
        kept = str(((elsewhere or {}).get("data") or {}).get(TEMPLATE_KEY, ""))
    text = _unpacked(kept) if kept.startswith(_PACKED) else kept
    known = annotation(live or {}, SPEC_HASH)
    if not text or not known or annotation(live or {}, TEMPLATE_HASH) != digest(text)[:16]:
        return None
    return Recorded(known, json.loads(text))


def _packed(text: str) -> str:
    return _PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _unpacked(kept: str) -> str:
    """The text; "" if it is damaged, or longer than any that was packed."""
    try:
        raw = base64.b64decode(kept.removeprefix(_PACKED), validate=True)
        opened = zlib.decompressobj()
        text = opened.decompress(raw, _TEXT_LIMIT)
        return text.decode() if opened.eof else ""
    except (binascii.Error, zlib.error, ValueError):
        return ""
