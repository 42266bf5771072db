"""What is an LLMDeployment, parsed?"""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from llmstack.api.base import ApiModel
from llmstack.api.conditions import ConditionType, LLMDeploymentStatus
from llmstack.api.nulls import without_nulls
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.errors import InvalidSpec

GROUP = "llmstack.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "LLMDeployment"
PLURAL = "llmdeployments"
SINGULAR = "llmdeployment"
SHORT_NAME = "llmd"
_OUR_CONDITIONS = frozenset(kind.value for kind in ConditionType)


class LLMDeploymentResource(ApiModel):
    """The whole resource as the schema describes it."""

    spec: LLMDeploymentSpec = Field(description="Desired state of the deployment.")
    status: LLMDeploymentStatus | None = Field(
        default=None, description="Observed state of the deployment, written by the operator."
    )


@dataclass(frozen=True)
class LLMDeployment:
    """One deployment: its identity, what is asked for, and the last status.

    `created` is its creation time as the API server writes it.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: LLMDeploymentSpec
    status: LLMDeploymentStatus
    deleting: bool = False
    created: str = ""


def parse(body: dict[str, Any]) -> LLMDeployment:
    """Parse an LLMDeployment from the API server.

    Raises InvalidSpec, with the path of each invalid field, if the object was stored under an older
    schema and this version cannot read it.
    """
    metadata = body["metadata"]
    try:
        spec = LLMDeploymentSpec.model_validate(without_nulls(body.get("spec") or {}))
    except ValidationError as error:
        raise InvalidSpec(describe(error)) from error
    return LLMDeployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        status=parse_status(body),
        deleting="deletionTimestamp" in metadata,
        created=metadata.get("creationTimestamp", ""),
    )


def parse_status(body: dict[str, Any]) -> LLMDeploymentStatus:
    """Return the status that the last pass wrote, or an empty one if it cannot be parsed. Nothing,
    if it cannot be read: the next one writes it anew.

    Conditions of other controllers are left out.
    """
    try:
        status = LLMDeploymentStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return LLMDeploymentStatus()
    ours = [condition for condition in status.conditions if condition.type in _OUR_CONDITIONS]
    return status.model_copy(update={"conditions": ours})


def describe(error: ValidationError) -> str:
    """Describe the invalid fields, one clause per field: `spec.slots: Input should be …`."""
    clauses = (
        f"spec.{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
        for item in error.errors()
    )
    return "; ".join(clauses)
