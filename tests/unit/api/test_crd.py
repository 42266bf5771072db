"""Is what the repository holds what the models say?"""

from pathlib import Path

import yaml

from llmstack.api import crd
from tests.unit.docs import api as reference

ROOT = Path(__file__).parents[3]


class TestGenerated:
    def test_crds_are_those_of_the_models(self) -> None:
        committed = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
        assert committed == crd.files(), "run `make crds`"

    def test_the_file_reads_back_as_the_definition(self) -> None:
        assert yaml.safe_load(crd.to_yaml()) == crd.definition()


class TestDefinition:
    def test_its_name_is_plural_and_group(self) -> None:
        definition = crd.definition()
        names = definition["spec"]["names"]
        assert definition["metadata"]["name"] == f"{names['plural']}.{definition['spec']['group']}"

    def test_status_and_scale_are_subresources(self) -> None:
        (version,) = crd.definition()["spec"]["versions"]
        assert version["subresources"]["status"] == {}
        assert version["subresources"]["scale"] == {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }

    def test_the_name_is_checked_at_the_root(self) -> None:
        rules = crd.schema()["x-kubernetes-validations"]
        assert all("metadata.name" in rule["message"] for rule in rules)


class TestReference:
    def test_every_field_has_a_row(self) -> None:
        page = reference.to_markdown()

        def fields(node: dict) -> None:  # type: ignore[type-arg]
            for name, child in node.get("properties", {}).items():
                assert f"| {name} |" in page or f"| **{name}** |" in page
                fields(child)
                fields(child.get("items", {}))

        fields(crd.schema()["properties"]["spec"])
        fields(crd.schema()["properties"]["status"])
