"""Where does a downloaded model stay?"""

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from llmstack.api.base import ApiModel, ObjectName, PositiveQuantity, Rule

VOLUME_SIZE: Final = "50Gi"
"""Size of a volume if the spec sets none."""


class AccessMode(StrEnum):
    """Access modes of the cache volume."""

    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE = "ReadWriteOnce"


class CacheSpec(ApiModel):
    """Storage for downloaded model files."""

    size: PositiveQuantity | None = Field(
        default=None,
        description=(
            f"Size of the cache volume. Defaults to {VOLUME_SIZE} where a volume is created. If "
            "accessMode and storageClassName are unset, setting size gives each pod a volume of "
            "its own."
        ),
    )
    storage_class_name: ObjectName | None = Field(
        default=None,
        description="StorageClass of the cache volume. Defaults to the cluster's default class.",
    )
    access_mode: AccessMode | None = Field(
        default=None,
        description=(
            "How replicas share the cache. ReadWriteMany: one volume per namespace and storage "
            "class, shared by all replicas. ReadWriteOnce: also one shared volume, which ties all "
            "replicas to a single node. If unset, each pod downloads the model again and loses it "
            "when the pod is deleted; it is stored in a volume of the pod if size or "
            "storageClassName is set, otherwise on the node's disk."
        ),
    )
    existing_claim: ObjectName | None = Field(
        default=None,
        description=(
            "Existing PersistentVolumeClaim to use as the cache. The operator never modifies or "
            "deletes it."
        ),
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.existingClaim) || (!has(self.storageClassName) && !has(self.accessMode))",
            "existingClaim already has a storage class and an access mode: remove storageClassName "
            "and accessMode, or remove existingClaim",
        ),
    )
