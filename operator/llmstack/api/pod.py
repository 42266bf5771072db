"""What else do the pods carry, and how do they start and stop?"""

from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import (
    ApiModel,
    LabelValue,
    LocalReference,
    ObjectName,
    Passthrough,
    QualifiedName,
    Rule,
)

EnvName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


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
        Rule("has(self.value) != has(self.valueFrom)", "give either value or valueFrom"),
        Rule(
            "!self.name.startsWith('LLAMA_')",
            "LLAMA_ variables are the operator's: use the fields of spec.engine",
        ),
    )


class PodSpec(ApiModel):
    """What else do the pods carry?"""

    labels: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict, max_length=32, description="Further labels of the pods."
    )
    annotations: dict[QualifiedName, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict, max_length=32, description="Further annotations of the pods."
    )
    affinity: Passthrough | None = Field(
        default=None, description="Affinity of the pods, as in a pod."
    )
    topology_spread_constraints: Annotated[list[Passthrough], Field(max_length=8)] = Field(
        default_factory=list,
        description="Topology spread of the pods, as in a pod; labelSelector defaults to the pods.",
    )
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the pods."
    )
    image_pull_secrets: Annotated[list[LocalReference], Field(max_length=8)] = Field(
        default_factory=list, description="Secrets with which the images are pulled."
    )
    env: Annotated[list[EnvVar], Field(max_length=64)] = Field(
        default_factory=list, description="Further environment variables of llama-server."
    )
    supplemental_groups: Annotated[
        list[Annotated[int, Field(ge=0, le=2_147_483_647)]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="Further groups, for instance those of the device files of AMD and Intel.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.labels.all(k, !k.startsWith('llmstack.dev/') && "
            "!k.startsWith('app.kubernetes.io/'))",
            "labels under llmstack.dev/ and app.kubernetes.io/ are the operator's: choose another "
            "prefix",
        ),
    )
