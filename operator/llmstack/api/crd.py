"""What does the cluster learn about LLMDeployments? Their CustomResourceDefinition."""

from typing import Any

import yaml

from llmstack import version
from llmstack.api.base import VALIDATIONS, Rule, validations
from llmstack.api.crd_update import VERSION_ANNOTATION
from llmstack.api.explained import explained
from llmstack.api.nulls import forgiving
from llmstack.api.resource import (
    GROUP,
    KIND,
    PLURAL,
    SHORT_NAME,
    SINGULAR,
    VERSION,
    LLMDeploymentResource,
)
from llmstack.api.schema import Schema, structural

NAME = f"{PLURAL}.{GROUP}"
FILE_NAME = f"{GROUP}_{PLURAL}.yaml"
HEADER = "# Generated from operator/llmstack/api by `make crds`. Do not edit.\n"

ANNOTATIONS = {
    VERSION_ANNOTATION: version.VERSION,
    # An Application of Argo CD that has it no more, by `skipCrds` for instance, must not prune it:
    # every LLMDeployment of the cluster would go with it. Nor does it count as a difference then.
    "argocd.argoproj.io/sync-options": "Prune=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}

NAME_RULES = (
    Rule(
        "self.metadata.name.size() <= 48",
        "metadata.name must be at most 48 characters long, because Service names are derived from "
        "it",
    ),
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name is used as a Service name: it must consist of lowercase letters, digits or "
        "'-', start with a letter, and end with a letter or digit",
    ),
    Rule(
        "!self.metadata.name.endsWith('-replicas')",
        "metadata.name must not end in -replicas: the operator uses that suffix for the Service of "
        "a deployment's replicas",
    ),
)


_SCALED = ("replicas",)
"""What the scale subresource reads: the API server takes a number there, or nothing."""


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors and aliases are not for readers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition of LLMDeployment."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME, "annotations": dict(ANNOTATIONS)},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": printer_columns(),
                    "schema": {"openAPIV3Schema": explained(schema())},
                    "subresources": subresources(),
                }
            ],
        },
    }


def schema() -> Schema:
    """The schema of the whole resource. The API server itself adds apiVersion, kind, metadata."""
    whole = structural(LLMDeploymentResource)
    properties = whole["properties"]
    return {
        **whole,
        "properties": {**properties, "spec": forgiving(properties["spec"], _SCALED)},
        "description": "LLMDeployment serves a GGUF model with replicas of llama-server.",
        VALIDATIONS: validations(*NAME_RULES),
    }


def subresources() -> dict[str, Any]:
    """`status` is the operator's; `scale` sets the fixed number of replicas."""
    return {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }


def printer_columns() -> list[dict[str, Any]]:
    """Return the columns of `kubectl get llmd`; priority 1 appears only with `-o wide`."""
    return [
        _column("Model", ".status.model.name", "Short name of the model."),
        _column("Replicas", ".status.replicaSummary", "Ready and desired replicas."),
        _column("Slots", ".status.slots", "Total slots of all ready replicas.", type="integer"),
        _column("Ready", _ready("status"), "Status of the Ready condition."),
        _column("Reason", _ready("reason"), "Reason of the Ready condition."),
        _column("Download", ".status.download", "Download progress of the model."),
        _column("Age", ".metadata.creationTimestamp", "Time since creation.", type="date"),
        _column("Quantization", ".status.model.quantization", "Model quantization.", priority=1),
        _column("URL", ".status.url", "Base URL for clients in the cluster.", priority=1),
        _column("Source", ".spec.model.source", "Location of the model.", priority=1),
        _column("Message", _ready("message"), "Message of the Ready condition.", priority=1),
    ]


def _column(name: str, path: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "jsonPath": path, "description": description, **more}


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


def files() -> dict[str, str]:
    """Return the files of `crds/` as name -> text. The output depends only on the models."""
    return {FILE_NAME: to_yaml()}


def to_yaml() -> str:
    """The definition as a file says it."""
    return HEADER + yaml.dump(
        definition(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100
    )
