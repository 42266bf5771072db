"""Which building blocks do all API models share?

Every model is frozen and parsed once at the edge. The JSON names are camelCase; unknown fields
are ignored here because the API server already prunes them or, in strict validation, refuses them.

The API server is the gate: it checks what a user writes, in words (`Rule`, `worded`). The same
limits hold here, so that a resource stored under an older schema is found out and not half
understood.

A rule also judges the defaults as the schema states them, where an object is empty: what it reads
must be known to be there, by `has` or by the order of its clauses.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from llmstack.api.quantity import LARGEST, PLAIN, normalise


@dataclass(frozen=True)
class Rule:
    """A validation by the API server. `rule` is CEL, `message` says what to do."""

    rule: str
    message: str


VALIDATIONS = "x-kubernetes-validations"
WORDS = "x-words"
"""Beside a `pattern`: what a value must look like, in words. The CRD says it by a CEL rule."""


def validations(*rules: Rule) -> list[dict[str, str]]:
    """Return the rules as entries of `x-kubernetes-validations`."""
    return [{"rule": rule.rule, "message": rule.message} for rule in rules]


def checked(*rules: Rule) -> dict[str, Any]:
    """Return the extra schema that makes the API server check a field by these rules."""
    return {VALIDATIONS: validations(*rules)}


def worded(pattern: str, words: str, *, max_length: int, min_length: int | None = None) -> Any:
    """Return a string field that must match a pattern. A user who errs reads `words`, not the
    pattern.
    """
    return Field(
        min_length=min_length,
        max_length=max_length,
        pattern=pattern,
        json_schema_extra={WORDS: words},
    )


class ApiModel(BaseModel):
    """A part of the resource. `rules` become `x-kubernetes-validations` of the object."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return pydantic's schema of this model with its rules added."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema[VALIDATIONS] = validations(*cls.rules)
        return schema


LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUALIFIED_NAME = (
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)

ObjectName = Annotated[
    str,
    worded(
        DNS_SUBDOMAIN,
        "an object name must consist of lowercase letters, digits, '-' or '.', and must start and "
        "end with a letter or digit",
        max_length=253,
    ),
]
LabelValue = Annotated[
    str,
    worded(
        LABEL_VALUE,
        "a label value must consist of at most 63 letters, digits, '-', '_' or '.', and must start "
        "and end with a letter or digit",
        max_length=63,
    ),
]
QualifiedName = Annotated[
    str,
    worded(
        QUALIFIED_NAME,
        "a key must be a name of at most 63 letters, digits, '-', '_' or '.', optionally prefixed "
        "by a domain and '/', for example example.com/name",
        max_length=316,
    ),
]


def _quantity(*rules: Rule) -> Any:
    return Field(
        max_length=64,
        pattern=PLAIN,
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            **checked(
                Rule(
                    "type(self) == int ? self >= 0 : isQuantity(self) && !self.startsWith('-')",
                    "a quantity must be a non-negative number with an optional suffix, for example "
                    "4, 500m or 16Gi",
                ),
                Rule(
                    "type(self) == int || !isQuantity(self) || "
                    f"quantity(self).isLessThan(quantity('{LARGEST}'))",
                    f"a quantity must be less than {LARGEST}",
                ),
                *rules,
            ),
        },
    )


# Attributes are text in the plain form; users also write numbers: `0`, `4`.
Quantity = Annotated[str, BeforeValidator(normalise), _quantity()]
PositiveQuantity = Annotated[
    str,
    BeforeValidator(normalise),
    _quantity(
        Rule(
            "type(self) == int ? self != 0 : "
            "!isQuantity(self) || quantity(self).compareTo(quantity('0')) != 0",
            "this quantity must be greater than zero",
        )
    ),
]
Sha256 = Annotated[
    str,
    worded(
        r"^[0-9a-fA-F]{64}$",
        "a SHA-256 must be 64 hexadecimal digits, as printed by sha256sum",
        max_length=128,
    ),
    StringConstraints(to_lower=True),
]
# How server-side apply merges a list: as one value, by equality, or by the field `name`.
ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
NOT_STORED: dict[str, Any] = {"x-llmstack-not-stored": True}
"""For a field whose default the API server does not fill in: left out must stay told from given."""
SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
BY_NAME: dict[str, Any] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}

# A Kubernetes type that is passed on as it is: the API server checks it where it is used.
Passthrough = Annotated[
    dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]


class LocalReference(ApiModel):
    """Reference to an object in the same namespace."""

    name: ObjectName = Field(description="Name of the object, in the LLMDeployment's namespace.")
