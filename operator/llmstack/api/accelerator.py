"""On which hardware does a replica run?"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from llmstack.api.base import (
    ATOMIC,
    ApiModel,
    LabelValue,
    ObjectName,
    PositiveQuantity,
    QualifiedName,
    Rule,
    checked,
)
from llmstack.api.volumes import ResourceClaim


class Vendor(StrEnum):
    """Accelerator vendors; cpu means no accelerator."""

    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"
    CPU = "cpu"


RESOURCE_NAMES = {
    Vendor.NVIDIA: "nvidia.com/gpu",
    Vendor.AMD: "amd.com/gpu",
    Vendor.INTEL: "gpu.intel.com/i915",
}
"""The extended resource that each vendor's device plugin advertises."""


class TolerationOperator(StrEnum):
    """How a toleration compares the value of a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """Taint effects that a toleration can match."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A node taint that the pods tolerate."""

    key: QualifiedName | None = Field(
        default=None,
        description="Taint key to match. If unset, every key matches; operator must be Exists.",
    )
    operator: TolerationOperator | None = Field(
        default=None,
        description="Exists matches any value. Equal, used if unset, matches only value.",
    )
    value: LabelValue | None = Field(
        default=None, description="Taint value to match with operator Equal."
    )
    effect: TaintEffect | None = Field(
        default=None, description="Taint effect to match. If unset, every effect matches."
    )
    toleration_seconds: int | None = Field(
        default=None,
        ge=0,
        le=31_536_000,
        description=(
            "Seconds that a running pod tolerates a NoExecute taint before it is evicted. If "
            "unset, it is never evicted."
        ),
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            "a toleration without key matches every taint: set operator to Exists, or set key",
        ),
        Rule(
            "!has(self.value) || !has(self.operator) || self.operator != 'Exists'",
            "operator Exists ignores the value: remove value, or set operator to Equal",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds requires effect NoExecute: set effect to NoExecute, or remove "
            "tolerationSeconds",
        ),
    )


class AcceleratorSpec(ApiModel):
    """Hardware that the replicas run on."""

    vendor: Vendor = Field(
        default=Vendor.CPU,
        description="Accelerator vendor. cpu runs the model without an accelerator.",
    )
    count: int = Field(
        default=1, ge=1, le=64, description="Number of devices per replica. Ignored for vendor cpu."
    )
    resource_name: QualifiedName | None = Field(
        default=None,
        description=(
            "Extended resource to request, for example nvidia.com/mig-1g.10gb for a MIG slice. "
            "Defaults to the resource of the vendor's device plugin, for example nvidia.com/gpu."
        ),
        json_schema_extra=checked(
            Rule(
                "self.contains('/')",
                "an extended resource includes a domain, for example nvidia.com/mig-1g.10gb",
            )
        ),
    )
    resource_claim: ResourceClaim | None = Field(
        default=None,
        description=(
            "Requests devices through dynamic resource allocation (DRA) instead of an extended "
            "resource. The claim, not count, then determines how many devices are allocated."
        ),
    )
    memory: PositiveQuantity | None = Field(
        default=None,
        description=(
            "Memory of one device, for example 24Gi. If set, a model that cannot fit is reported "
            "as ModelTooLarge before its server runs out of memory."
        ),
    )
    node_selector: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Labels that a node must have to run the pods.",
    )
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=32,
        description="Node taints that the pods tolerate.",
        json_schema_extra=ATOMIC,
    )
    runtime_class_name: ObjectName | None = Field(
        default=None, description="RuntimeClass of the pods, for example nvidia."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.resourceName) || self.vendor != 'cpu'",
            "vendor cpu requests no device: remove resourceName, or set vendor to the device's "
            "vendor",
        ),
        Rule(
            "!has(self.resourceClaim) || self.vendor != 'cpu'",
            "vendor cpu requests no device: remove resourceClaim, or set vendor to the device's "
            "vendor",
        ),
        Rule(
            "!has(self.resourceClaim) || !has(self.resourceName)",
            "resourceClaim and resourceName are mutually exclusive: remove one of them",
        ),
        Rule(
            "!has(self.memory) || self.vendor != 'cpu'",
            "vendor cpu has no device memory: remove accelerator.memory, or set "
            "engine.resources.requests.memory",
        ),
    )

    @property
    def resource(self) -> str | None:
        """The extended resource that is requested; None on the CPU and with a claim."""
        if self.resource_claim is not None:
            return None
        return self.resource_name or RESOURCE_NAMES.get(self.vendor)

    @property
    def present(self) -> bool:
        """True if a replica computes on a device, however it gets that."""
        return self.vendor is not Vendor.CPU
