"""Whom does a download trust?"""

from dataclasses import replace

from llmstack.desired import build
from tests.unit.desired.samples import CONTEXT, built, deployment, volume


def test_without_a_bundle_there_is_no_config_map() -> None:
    assert "ConfigMap" not in {item["kind"] for item in build(deployment(), CONTEXT)}


def test_the_bundle_is_where_the_pods_mount_it() -> None:
    context = replace(CONTEXT, ca_bundle="PEM")
    config_map = built("ConfigMap", context)
    assert config_map["data"] == {"ca.crt": "PEM"}
    assert volume("ca", context)["configMap"]["name"] == config_map["metadata"]["name"]
