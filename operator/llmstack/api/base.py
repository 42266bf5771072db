"""Which building blocks do all API models share?

Every model is frozen and parsed once at the edge. The JSON names are camelCase; unknown fields
are ignored here because the API server already prunes them or, in strict validation, refuses them.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


@dataclass(frozen=True)
class Rule:
    """Which combination does the API server refuse? `rule` is CEL, `message` says what to do."""

    rule: str
    message: str


class ApiModel(BaseModel):
    """A part of the resource. `rules` become `x-kubernetes-validations` of the object."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )
    rules: ClassVar[tuple[Rule, ...]] = ()


LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
QUALIFIED_NAME = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
QualifiedName = Annotated[str, Field(min_length=1, max_length=316, pattern=QUALIFIED_NAME)]
Quantity = Annotated[str, Field(min_length=1, max_length=32, pattern=QUANTITY)]
Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]
# A Kubernetes type that is passed on as it is: the API server checks it where it is used.
Passthrough = Annotated[
    dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]


class LocalReference(ApiModel):
    """Which object of the same namespace?"""

    name: ObjectName = Field(description="Name of the object, in the namespace of the deployment.")
