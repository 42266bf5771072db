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
    """Whose accelerator?"""

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
    """How is the taint's value compared?"""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """Which effect of a taint is tolerated?"""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """Which taint of a node does not keep the pod away?"""

    key: QualifiedName | None = Field(default=None, description="Key of the taint; empty: all.")
    operator: TolerationOperator | None = Field(default=None, description="Exists or Equal.")
    value: LabelValue | None = Field(default=None, description="Value of the taint, with Equal.")
    effect: TaintEffect | None = Field(default=None, description="Effect of the taint; empty: all.")
    toleration_seconds: int | None = Field(
        default=None, ge=0, le=31_536_000, description="How long NoExecute is tolerated, seconds."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            "a toleration without key is for all taints: set operator Exists, or name the key",
        ),
        Rule(
            "!has(self.value) || !has(self.operator) || self.operator != 'Exists'",
            "operator Exists compares no value: remove value, or set operator Equal",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds belongs to effect NoExecute: set that effect, or remove it",
        ),
    )


class AcceleratorSpec(ApiModel):
    """On which hardware does a replica run?"""

    vendor: Vendor = Field(default=Vendor.CPU, description="nvidia, amd, intel, or cpu for none.")
    count: int = Field(default=1, ge=1, le=64, description="Devices per replica.")
    resource_name: QualifiedName | None = Field(
        default=None,
        description=(
            "Extended resource to ask for; by default the vendor's. For a MIG slice for instance "
            "nvidia.com/mig-1g.10gb."
        ),
        json_schema_extra=checked(
            Rule(
                "self.contains('/')",
                "an extended resource has a domain, for instance nvidia.com/mig-1g.10gb",
            )
        ),
    )
    resource_claim: ResourceClaim | None = Field(
        default=None,
        description=(
            "Devices by dynamic resource allocation (DRA) instead of an extended resource; count "
            "and resourceName then say nothing."
        ),
    )
    memory: PositiveQuantity | None = Field(
        default=None,
        description="Memory of one device; a model that cannot fit is reported before it crashes.",
    )
    node_selector: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict, max_length=32, description="Labels that the node must have."
    )
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=32,
        description="Taints that do not keep replicas away.",
        json_schema_extra=ATOMIC,
    )
    runtime_class_name: ObjectName | None = Field(
        default=None, description="RuntimeClass of the pods, for instance nvidia."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.resourceName) || self.vendor != 'cpu'",
            "vendor cpu asks for no device: remove resourceName, or name the device's vendor",
        ),
        Rule(
            "!has(self.resourceClaim) || self.vendor != 'cpu'",
            "vendor cpu asks for no device: remove resourceClaim, or name the device's vendor",
        ),
        Rule(
            "!has(self.resourceClaim) || !has(self.resourceName)",
            "a device comes by resourceClaim or by resourceName: remove one of them",
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
