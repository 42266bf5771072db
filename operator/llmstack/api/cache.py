"""Where does a downloaded model stay?"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from llmstack.api.base import ApiModel, ObjectName, PositiveQuantity, Rule


class AccessMode(StrEnum):
    """Who may mount the cache at once?"""

    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE = "ReadWriteOnce"


class CacheSpec(ApiModel):
    """Where does a downloaded model stay?"""

    size: PositiveQuantity = Field(default="50Gi", description="Size of the volume.")
    storage_class_name: ObjectName | None = Field(
        default=None, description="StorageClass of the volume; by default the cluster's default."
    )
    access_mode: AccessMode | None = Field(
        default=None,
        description=(
            "ReadWriteMany: one volume per namespace and storage class, shared by all replicas. "
            "ReadWriteOnce: the same, but it pins all replicas to one node. Not given: every pod "
            "downloads into a volume of its own, which goes with the pod."
        ),
    )
    existing_claim: ObjectName | None = Field(
        default=None, description="PersistentVolumeClaim to use instead; it is never changed."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.existingClaim) || (!has(self.storageClassName) && !has(self.accessMode))",
            "existingClaim brings its own class and access mode: remove storageClassName and "
            "accessMode, or remove existingClaim",
        ),
    )
