"""What else do the pods carry, and how do they start and stop?"""

from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import (
    ATOMIC,
    BY_NAME,
    SET,
    ApiModel,
    LabelValue,
    LocalReference,
    ObjectName,
    Passthrough,
    QualifiedName,
    Rule,
    checked,
    worded,
)
from llmstack.api.volumes import NamedResourceClaim, PodVolume, VolumeMount

EnvName = Annotated[
    str,
    worded(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "a variable name must consist of letters, digits or '_', and must not start with a digit",
        max_length=128,
    ),
]

OWN_PREFIXES = Rule(
    "self.all(key, !key.startsWith('llmstack.dev/') && !key.startsWith('app.kubernetes.io/'))",
    "keys under llmstack.dev/ and app.kubernetes.io/ are reserved for the operator: use another "
    "prefix",
)


class LifecycleSpec(ApiModel):
    """Timeouts for startup, shutdown and hang detection."""

    startup_timeout_seconds: int = Field(
        default=1800,
        ge=10,
        le=86_400,
        description=(
            "Maximum seconds for a replica to download and load the model. Sets the startup "
            "probe's time limit and the Deployment's progress deadline."
        ),
    )
    drain_seconds: int = Field(
        default=120,
        ge=0,
        le=86_400,
        description="Seconds that a terminating replica gets to finish its running requests.",
    )
    wedge_seconds: int = Field(
        default=120,
        ge=10,
        le=3600,
        description=(
            "Seconds without a response before a server counts as hung (ServerWedged) and gets no "
            "new requests. If it also uses no CPU time, it is restarted after twice as long."
        ),
    )
    prove_edits: bool = Field(
        default=True,
        description=(
            "Whether the operator tests a change of the model, images or volumes with a Job, which "
            "needs no accelerator, before it stops a serving replica. If false, every change is "
            "applied immediately."
        ),
    )


class EnvVar(ApiModel):
    """An environment variable of llama-server."""

    name: EnvName = Field(description="Name of the variable.")
    value: Annotated[str, Field(max_length=4096)] | None = Field(
        default=None, description="Value of the variable."
    )
    value_from: Passthrough | None = Field(
        default=None,
        description="Source of the value, for example secretKeyRef, as in a Pod's env.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            "exactly one of value and valueFrom must be set",
        ),
        Rule(
            "!self.name.startsWith('LLAMA_')",
            "variables starting with LLAMA_ set llama-server flags: use spec.engine or "
            "spec.engine.extraArgs instead",
        ),
    )


class PodSpec(ApiModel):
    """Additional settings of the pods."""

    labels: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Additional labels of the pods.",
        json_schema_extra=checked(OWN_PREFIXES),
    )
    annotations: dict[QualifiedName, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict,
        max_length=32,
        description="Additional annotations of the pods.",
        json_schema_extra=checked(OWN_PREFIXES),
    )
    affinity: Passthrough | None = Field(
        default=None, description="Affinity of the pods, as in a Pod's spec."
    )
    topology_spread_constraints: list[Passthrough] = Field(
        default_factory=list,
        max_length=8,
        json_schema_extra=ATOMIC,
        description=(
            "Topology spread constraints of the pods, as in a Pod's spec. labelSelector defaults "
            "to the pods of this deployment."
        ),
    )
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the pods."
    )
    image_pull_secrets: list[LocalReference] = Field(
        default_factory=list,
        max_length=8,
        description="Secrets used to pull the images.",
        json_schema_extra=BY_NAME,
    )
    env: list[EnvVar] = Field(
        default_factory=list,
        max_length=64,
        description="Additional environment variables of llama-server.",
        json_schema_extra=BY_NAME,
    )
    supplemental_groups: list[Annotated[int, Field(ge=0, le=2_147_483_647)]] = Field(
        default_factory=list,
        max_length=16,
        description=(
            "Additional group IDs of the pods, for example the groups that own AMD or Intel device "
            "files."
        ),
        json_schema_extra=SET,
    )
    fixed_ids: bool | None = Field(
        default=None,
        description=(
            "Whether the pods run with user and group ID 65532. Set it to false to let the cluster "
            "choose the IDs, as OpenShift's restricted SCC requires. Defaults to the chart value "
            "fixedIds."
        ),
    )
    volumes: list[PodVolume] = Field(
        default_factory=list,
        max_length=16,
        description="Additional volumes of the pods. Mount them with volumeMounts.",
        json_schema_extra=BY_NAME,
    )
    volume_mounts: list[VolumeMount] = Field(
        default_factory=list,
        max_length=16,
        description=(
            "Mounts of the additional volumes in the llama-server container. All are read-only "
            "except emptyDir volumes."
        ),
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["mountPath"],
        },
    )
    resource_claims: list[NamedResourceClaim] = Field(
        default_factory=list,
        max_length=8,
        description=(
            "Additional claims for dynamic resource allocation (DRA), available to llama-server."
        ),
        json_schema_extra=BY_NAME,
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && "
            "self.volumes.exists(v, v.name == m.name))",
            "volumeMounts refers to a volume that is not in volumes: add it there, or fix the name",
        ),
    )
