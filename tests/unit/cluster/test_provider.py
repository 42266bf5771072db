"""Which kind of cluster is used, and when is one refused?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.existing import ExistingCluster
from tests.e2e.cluster.kind import missing
from tests.e2e.cluster.provider import attach, choose, default_name


@pytest.mark.parametrize(
    ("asked", "kind_is_to_be_had", "chosen"),
    [
        ({}, False, "bare"),
        ({}, True, "kind"),
        ({"CLUSTER": ""}, False, "bare"),
        ({"CLUSTER": "bare"}, True, "bare"),
        ({"CLUSTER": "kind"}, False, "kind"),
        ({"CLUSTER": "existing"}, True, "existing"),
        # A kubeconfig alone never makes us touch the cluster it names.
        ({"KUBECONFIG": "/home/me/production"}, False, "bare"),
    ],
)
def test_the_environment_chooses(
    asked: dict[str, str], kind_is_to_be_had: bool, chosen: str
) -> None:
    assert choose(asked, lambda: kind_is_to_be_had) == chosen


def test_an_unknown_kind_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ClusterError, match="use one of bare, kind, existing"):
        choose({"CLUSTER": "minikube"})


@pytest.mark.parametrize(
    ("works", "says"),
    [
        ((), "kind needs a running container engine"),
        (("docker info",), "neither in docker nor to be pulled"),
        (("podman info",), "neither in podman nor to be pulled"),
        (("docker info", "docker image inspect IMAGE"), None),
        (("podman info", "podman manifest inspect IMAGE"), None),
        # The image of an engine that is not used does not help.
        (("docker info", "podman image inspect IMAGE"), "neither in docker nor to be pulled"),
    ],
)
def test_what_kind_lacks_is_named(works: tuple[str, ...], says: str | None) -> None:
    said = missing(lambda *command: " ".join(command) in works, "IMAGE")
    assert said is None if says is None else says in str(said)


def test_two_checkouts_do_not_share_a_name(tmp_path: Path) -> None:
    assert default_name(tmp_path / "one") != default_name(tmp_path / "two")
    assert default_name(tmp_path) == default_name(tmp_path / "one" / "..")


def test_where_nothing_was_started_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    assert attach(tmp_path) is None


def test_the_cluster_that_was_started_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"provider": "bare", "name": "mine"}))
    found = attach(tmp_path)
    assert found is not None
    assert (found.provider, found.name, found.running()) == ("bare", "mine", False)


def test_images_cannot_be_put_on_nodes_that_are_not_ours(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="Push it to a registry"):
        ExistingCluster(tmp_path).load_image("localhost/a:1", tmp_path / "a.tar")
