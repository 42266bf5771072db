"""Is the schema structural, bounded and explained, in each of its nodes?"""

from collections.abc import Iterator

from pydantic import Field

from llmstack.api.base import ApiModel, Quantity, Rule, checked, worded
from llmstack.api.crd import schema
from llmstack.api.schema import Schema, structural

ALLOWED = {
    *("type", "description", "properties", "required", "items", "additionalProperties"),
    *(
        "default",
        "enum",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "maxItems",
        "minItems",
        "maxProperties",
    ),
    *("x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    *("nullable", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
}
"""What a structural schema may say; `pattern` is absent, since its failure has no words."""

BOUNDS = {
    "string": {"maxLength", "enum"},
    "array": {"maxItems"},
    "object": {"properties", "maxProperties", "x-kubernetes-preserve-unknown-fields"},
    "integer": {"minimum"},
    "boolean": {"default", "nullable"},
}
"""What limits a value of a type. What is passed on as it is has the size of a request as limit."""


def walk(path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(f"{path}.{name}", child)
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if key in node:
            yield from walk(path + suffix, node[key])


NODES = list(walk("", schema()))


class TestEachNode:
    def test_says_only_what_a_structural_schema_may(self) -> None:
        for path, node in NODES:
            assert set(node) <= ALLOWED, path

    def test_has_one_type(self) -> None:
        for path, node in NODES:
            assert ("type" in node) != ("x-kubernetes-int-or-string" in node), path
            assert isinstance(node.get("type", ""), str), path

    def test_is_bounded(self) -> None:
        for path, node in NODES:
            assert node.keys() & BOUNDS[node.get("type", "string")], path

    def test_is_explained(self) -> None:
        for path, node in NODES:
            for name, child in node.get("properties", {}).items():
                assert child.get("description", "").endswith("."), f"{path}.{name}"

    def test_refuses_in_words(self) -> None:
        for path, node in NODES:
            for rule in node.get("x-kubernetes-validations", []):
                assert not set(rule["message"]) & set("\n^$"), path
                assert not rule["message"].endswith("."), path

    def test_says_how_apply_merges_a_list(self) -> None:
        for path, node in NODES:
            if node.get("type") == "array":
                assert node["x-kubernetes-list-type"] in ("atomic", "set", "map"), path
                keys = node.get("x-kubernetes-list-map-keys", [])
                assert set(keys) <= set(node["items"].get("required", [])), path


class Inner(ApiModel):
    """A part."""

    size: int = Field(default=3, ge=0, description="How large.")


class Outer(ApiModel):
    """A whole."""

    inner: Inner = Field(default=Inner(), description="With defaults.")
    other: Inner | None = Field(default=None, description="Perhaps.")
    names: dict[str, str] = Field(default_factory=dict, max_length=2, description="Some.")
    word: str | None = Field(default=None, description="One.")

    rules = (Rule("has(self.word)", "say a word"),)


class TestTranslation:
    def test_puts_references_in_place_and_keeps_the_fields_description(self) -> None:
        inner = structural(Outer)["properties"]["inner"]
        assert inner["description"] == "With defaults."
        assert inner["properties"]["size"]["default"] == 3

    def test_a_default_object_is_empty_so_that_its_fields_fill_it(self) -> None:
        assert structural(Outer)["properties"]["inner"]["default"] == {}

    def test_a_field_that_may_be_null_is_one_that_may_be_left_out(self) -> None:
        other = structural(Outer)["properties"]["other"]
        assert other["type"] == "object"
        assert "default" not in other
        assert structural(Outer)["properties"]["word"] == {"type": "string", "description": "One."}

    def test_rules_of_a_model_are_rules_of_its_object(self) -> None:
        assert structural(Outer)["x-kubernetes-validations"] == [
            {"rule": "has(self.word)", "message": "say a word"}
        ]

    def test_rules_of_a_kind_of_value_and_of_the_field_that_holds_it_both_hold(self) -> None:
        class Holding(ApiModel):
            """Holds an amount."""

            size: Quantity | None = Field(
                default=None, description="How large.", json_schema_extra=checked(Rule("r", "m"))
            )

        messages = [
            rule["message"]
            for rule in structural(Holding)["properties"]["size"]["x-kubernetes-validations"]
        ]
        assert messages[-1] == "m"
        assert "a quantity must be less than 1E" in messages

    def test_a_pattern_becomes_a_rule_in_words(self) -> None:
        class Quoting(ApiModel):
            """Has a pattern with all that CEL must not misread."""

            text: str = worded(r"^it's \.$", "write it so", max_length=9)

        assert structural(Quoting)["properties"]["text"] == {
            "type": "string",
            "maxLength": 9,
            "x-kubernetes-validations": [
                {"rule": r"self.matches('^it\'s \\.$')", "message": "write it so"}
            ],
        }
