"""May a second release be installed beside another one? Asked of a real API server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart.helm import CHART, IMAGES, helm, options

FIRST, ITS_NAMESPACE = "one-llm-stack", "one"
TEAMS = ("team-a", "team-b")
Values = tuple[str, ...]


@pytest.fixture
def cluster_of_two(empty: ApiServer) -> Iterator[ApiServer]:
    """Namespaces of two releases and two teams."""
    names = (ITS_NAMESPACE, "two", *TEAMS)
    for name in names:
        if not empty.kubectl("get", "namespace", name, "--ignore-not-found"):
            empty.kubectl("create", "namespace", name)
    yield empty
    release(empty, "uninstall", FIRST, "--ignore-not-found", namespace=ITS_NAMESPACE)


def release(cluster: ApiServer, *words: str, namespace: str) -> subprocess.CompletedProcess[str]:
    """helm in one namespace, without hooks: no node would run them."""
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}", "--no-hooks")
    return helm(words[0], *where, *words[1:])


def install(
    cluster: ApiServer, name: str, namespace: str, *values: str, more: Values = ()
) -> subprocess.CompletedProcess[str]:
    words = (name, str(CHART), "--install", *options(*IMAGES, *values), *more)
    return release(cluster, "upgrade", *words, namespace=namespace)


def first(cluster: ApiServer, *values: str) -> None:
    """The release that is there already."""
    done = install(cluster, FIRST, ITS_NAMESPACE, *values)
    assert done.returncode == 0, done.stderr


def second(
    cluster: ApiServer, *values: str, name: str = "two-llm-stack"
) -> subprocess.CompletedProcess[str]:
    """What helm says to a second one; it changes nothing."""
    return install(cluster, name, "two", *values, more=("--dry-run=server",))


A, B, BOTH = "namespaces={team-a}", "namespaces={team-b}", "namespaces={team-a,team-b}"
HERE = f"Release {FIRST} in namespace {ITS_NAMESPACE} already serves "
REFUSED = [
    ("both serve all", (), (), HERE + "all namespaces"),
    ("the first serves all", (), (A,), HERE + "team-a"),
    ("the second would serve all", (A,), (), HERE + "team-a"),
    ("they share one", (A,), (BOTH,), HERE + "team-a"),
]


@pytest.mark.parametrize(("what", "ours", "theirs", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_two_releases_never_serve_one_namespace(
    cluster_of_two: ApiServer, what: str, ours: Values, theirs: Values, words: str
) -> None:
    first(cluster_of_two, *ours)

    done = second(cluster_of_two, *theirs)

    assert done.returncode != 0, what
    assert words in done.stderr
    assert f"`helm upgrade {FIRST} … --namespace {ITS_NAMESPACE}`" in done.stderr


def test_two_releases_may_serve_namespaces_of_their_own(cluster_of_two: ApiServer) -> None:
    first(cluster_of_two, A)

    done = second(cluster_of_two, B)

    assert done.returncode == 0, done.stderr


def test_two_releases_of_one_name_are_told_that_it_is_taken(cluster_of_two: ApiServer) -> None:
    first(cluster_of_two, A)

    done = second(cluster_of_two, B, name=FIRST)

    assert f"already owns the ClusterRole {FIRST}, whose name" in done.stderr


def test_a_release_is_no_neighbour_of_itself(cluster_of_two: ApiServer) -> None:
    first(cluster_of_two)
    first(cluster_of_two, A)


def test_what_is_left_of_a_release_without_its_operator_is_in_nobodys_way(
    cluster_of_two: ApiServer,
) -> None:
    first(cluster_of_two)
    cluster_of_two.kubectl("delete", "deployment", FIRST, f"--namespace={ITS_NAMESPACE}")

    done = second(cluster_of_two)

    assert done.returncode == 0, done.stderr


def test_a_refused_release_leaves_nothing(cluster_of_two: ApiServer) -> None:
    first(cluster_of_two)

    assert install(cluster_of_two, "two-llm-stack", "two").returncode != 0

    left = "serviceaccounts,deployments,services,secrets,roles,rolebindings,clusterroles"
    said = cluster_of_two.kubectl(
        "get", left, "--namespace=two", "--selector=app.kubernetes.io/instance=two-llm-stack"
    )
    assert said == ""
    assert cluster_of_two.kubectl("get", "secrets", "--namespace=two") == ""
