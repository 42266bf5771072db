"""The go.mod by which programs of other people's modules are built."""

from __future__ import annotations

from tests.e2e.cluster.gobuild import main_module


def test_what_their_go_mod_replaces_is_replaced_alike() -> None:
    theirs = {
        "Go": "1.25.0",
        "Replace": [
            {"Old": {"Path": "gopkg.in/yaml.v2"}, "New": {"Path": "fork.io/yaml", "Version": "v2"}},
        ],
    }

    assert main_module("example.org/tool/v3", "3.2.3", theirs).splitlines() == [
        "module llmstack.dev/cluster",
        "go 1.25.0",
        "require example.org/tool/v3 v3.2.3",
        "replace gopkg.in/yaml.v2 => fork.io/yaml v2",
    ]


def test_a_directory_of_their_repository_is_what_they_published() -> None:
    staging = {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}}

    lines = main_module("k8s.io/kubernetes", "1.34.4", {"Go": "1.24.0", "Replace": [staging]})

    assert lines.splitlines()[-1] == "replace k8s.io/api => k8s.io/api v0.34.4"


def test_a_module_may_replace_nothing() -> None:
    assert "replace" not in main_module(
        "example.org/tool", "1.0.0", {"Go": "1.24", "Replace": None}
    )
