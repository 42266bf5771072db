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
        "a variable's name has letters, digits and '_', and does not begin with a digit",
        max_length=128,
    ),
]

OWN_PREFIXES = Rule(
    "self.all(key, !key.startsWith('llmstack.dev/') && !key.startsWith('app.kubernetes.io/'))",
    "keys under llmstack.dev/ and app.kubernetes.io/ are the operator's: choose another prefix",
)


class LifecycleSpec(ApiModel):
    """How long may a replica take to start, to stop, and to be silent?"""

    startup_timeout_seconds: int = Field(
        default=1800,
        ge=10,
        le=86_400,
        description=(
            "Longest download and load, in seconds: the budget of the startup probe and the "
            "progress deadline."
        ),
    )
    drain_seconds: int = Field(
        default=120,
        ge=0,
        le=86_400,
        description="How long a stopping replica may finish its running requests, in seconds.",
    )
    wedge_seconds: int = Field(
        default=120,
        ge=10,
        le=3600,
        description=(
            "After how many seconds of silence a server counts as wedged; it is restarted after "
            "twice as many in which it used no CPU time."
        ),
    )
    prove_edits: bool = Field(
        default=True,
        description=(
            "Whether a Job without a device proves an edit (its model, images and volumes) before "
            "a serving replica is stopped for it. false applies every edit at once."
        ),
    )


class EnvVar(ApiModel):
    """Which environment variable does the server get?"""

    name: EnvName = Field(description="Name of the variable.")
    value: Annotated[str, Field(max_length=4096)] | None = Field(
        default=None, description="Its value."
    )
    value_from: Passthrough | None = Field(
        default=None, description="A source of the value, as in a pod: secretKeyRef and so on."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            "a variable has either value or valueFrom: give one of them",
        ),
        Rule(
            "!self.name.startsWith('LLAMA_')",
            "LLAMA_ variables set flags of llama-server: use spec.engine or its extraArgs",
        ),
    )


class PodSpec(ApiModel):
    """What else do the pods carry?"""

    labels: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Further labels of the pods.",
        json_schema_extra=checked(OWN_PREFIXES),
    )
    annotations: dict[QualifiedName, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict,
        max_length=32,
        description="Further annotations of the pods.",
        json_schema_extra=checked(OWN_PREFIXES),
    )
    affinity: Passthrough | None = Field(
        default=None, description="Affinity of the pods, as in a pod."
    )
    topology_spread_constraints: list[Passthrough] = Field(
        default_factory=list,
        max_length=8,
        json_schema_extra=ATOMIC,
        description="Topology spread of the pods, as in a pod; labelSelector defaults to the pods.",
    )
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the pods."
    )
    image_pull_secrets: list[LocalReference] = Field(
        default_factory=list,
        max_length=8,
        description="Secrets with which the images are pulled.",
        json_schema_extra=BY_NAME,
    )
    env: list[EnvVar] = Field(
        default_factory=list,
        max_length=64,
        description="Further environment variables of llama-server.",
        json_schema_extra=BY_NAME,
    )
    supplemental_groups: list[Annotated[int, Field(ge=0, le=2_147_483_647)]] = Field(
        default_factory=list,
        max_length=16,
        description="Further groups, for instance those of the device files of AMD and Intel.",
        json_schema_extra=SET,
    )
    fixed_ids: bool | None = Field(
        default=None,
        description=(
            "Run as user and group 65532. false leaves the ids to the cluster, as OpenShift's "
            "restricted SCC demands; by default as the installation says (fixedIds)."
        ),
    )
    volumes: list[PodVolume] = Field(
        default_factory=list,
        max_length=16,
        description="Further volumes of the pods, for llama-server to read.",
        json_schema_extra=BY_NAME,
    )
    volume_mounts: list[VolumeMount] = Field(
        default_factory=list,
        max_length=16,
        description="Where llama-server sees the volumes: read-only, but for an emptyDir.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["mountPath"],
        },
    )
    resource_claims: list[NamedResourceClaim] = Field(
        default_factory=list,
        max_length=8,
        description="Further claims of dynamic resource allocation, which llama-server uses.",
        json_schema_extra=BY_NAME,
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && "
            "self.volumes.exists(v, v.name == m.name))",
            "volumeMounts names a volume that is not in volumes: add it there, or correct the name",
        ),
    )
