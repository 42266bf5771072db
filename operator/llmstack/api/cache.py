"""Where does a downloaded model stay?"""

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from llmstack.api.base import ApiModel, ObjectName, PositiveQuantity, Rule

VOLUME_SIZE: Final = "50Gi"
"""Of a volume for which no size is asked."""


class AccessMode(StrEnum):
    """Who may mount the cache at once?"""

    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE = "ReadWriteOnce"


class CacheSpec(ApiModel):
    """Where does a downloaded model stay?"""

    size: PositiveQuantity | None = Field(
        default=None,
        description=(
            f"Size of the volume, {VOLUME_SIZE} where it is not given. Without accessMode and "
            "storageClassName it gives every pod a volume of this size."
        ),
    )
    storage_class_name: ObjectName | None = Field(
        default=None, description="StorageClass of the volume; by default the cluster's default."
    )
    access_mode: AccessMode | None = Field(
        default=None,
        description=(
            "ReadWriteMany: one volume per namespace and storage class, shared by all replicas. "
            "ReadWriteOnce: the same, but it pins all replicas to one node. Not given: every pod "
            "downloads for itself, and the model goes with the pod: into a volume of its own where "
            "size or storageClassName is given, else onto the node's disk."
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
