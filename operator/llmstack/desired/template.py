"""Which pod template is applied: the one in use, or a new one?

Another template restarts every replica and loads the model again. So it is built anew only when
the spec changes; a new operator version alone never does it. The template in use is recorded on
the Deployment as it was built, beside the hash of the spec that it was built from:

    spec hash = recorded hash   ─> the recorded template
    held (hold.py)              ─> the recorded template, until the newest one is proved
    else                        ─> build_pod_template, recorded from then on; where that says the
                                   same in other words (1024Mi, 1Gi), the recorded template stays

What may change without the spec comes on top, in `annotate`: the server key's hash.
"""

import json
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
    TEMPLATE_HASH,
    Object,
    annotation,
)
from llmstack.desired.pod_template import build_pod_template

_ANNOTATION_LIMIT = 128 * 1024
"""All annotations of an object may have 256 KiB; a template above this limit is not recorded."""

_NOT_OF_THE_POD = {"replicas", "autoscaling", "queue"}


def spec_hash(spec: LLMDeploymentSpec) -> str:
    """From which wishes is a template built?

    Only from fields that differ from their defaults, so that a field that a newer version adds
    changes nothing; and without the fields that no pod depends on.
    """
    wishes = spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_OF_THE_POD
    )
    wishes["model"].pop("aliases", None)
    return digest(canonical(wishes))


def choose_template(deployment: LLMDeployment, context: Context) -> Recorded:
    """Which template belongs to this spec?"""
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


def record(chosen: Recorded) -> dict[str, str]:
    """Which annotations of the Deployment keep the template for the next operator version?

    A template too large for an annotation is not kept, and then built anew by every version.
    """
    text = canonical(chosen.template)
    if len(text) > _ANNOTATION_LIMIT:
        return {}
    return {
        SPEC_HASH: chosen.spec_hash,
        TEMPLATE: text,
        TEMPLATE_HASH: template_hash(chosen.template),
    }


def read_recorded(live: Mapping[str, Any] | None) -> Recorded | None:
    """Which template does a live Deployment record? None if there is none, or it was tampered with.

    The pods' own template in `spec` will not do: the API server adds defaults, people edit it.
    """
    text = annotation(live or {}, TEMPLATE)
    known = annotation(live or {}, SPEC_HASH)
    if not text or not known or annotation(live or {}, TEMPLATE_HASH) != digest(text)[:16]:
        return None
    return Recorded(known, json.loads(text))
