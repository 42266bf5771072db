"""What may install the chart who has rights in one namespace only? Asked of a real API server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart.helm import CHART, IMAGES, KUBE, ROOT, helm, options, render, template

USER = "system:serviceaccount:team-r:installer"
WITHOUT_ROLES = ("rbac.create=false", "crds.apply=false", "namespaces={team-r}")
PAGE = (ROOT / "docs" / "chart.md").read_text()
ADMINISTRATORS = re.findall(r"--show-only (templates/\S+\.yaml)", PAGE)
"""The templates that docs/chart.md has an administrator apply."""
RIGHTS = [
    {
        "apiGroups": [
            *("", "apps", "batch", "policy", "networking.k8s.io"),
            *("llmstack.dev", "rbac.authorization.k8s.io"),
        ],
        "resources": [
            *("serviceaccounts", "secrets", "configmaps", "services", "deployments", "jobs"),
            *("poddisruptionbudgets", "networkpolicies", "llmdeployments", "roles", "rolebindings"),
        ],
        "verbs": ["*"],
    }
]
"""All that there is of the chart's kinds, in one namespace."""


@pytest.fixture
def team(empty: ApiServer) -> Iterator[ApiServer]:
    """A cluster where an account has all rights in its namespace, and none in the cluster."""
    if not empty.kubectl("get", "namespace", "team-r", "--ignore-not-found"):
        empty.kubectl("create", "namespace", "team-r")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "installer", "namespace": "team-r"},
        "rules": RIGHTS,
    }
    empty.kubectl("create", "--filename=-", stdin=json.dumps(role))
    account = ("--role=installer", "--serviceaccount=team-r:installer", "--namespace=team-r")
    empty.kubectl("create", "rolebinding", "installer", *account)
    yield empty
    as_user(empty, "uninstall", "llm-stack", "--ignore-not-found")
    empty.kubectl("delete", "-f", "-", "--ignore-not-found", stdin=by_an_administrator())
    empty.kubectl("delete", "rolebinding,role", "installer", "--namespace=team-r")


def as_user(cluster: ApiServer, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    """helm with the account's rights."""
    groups = ("system:serviceaccounts", "system:authenticated")
    kubeconfig = cluster.kubeconfig_for(USER, *groups)
    return helm(verb, *words, "--namespace=team-r", f"--kubeconfig={kubeconfig}")


def install(cluster: ApiServer, *values: str, crds: bool) -> subprocess.CompletedProcess[str]:
    skip = [] if crds else ["--skip-crds"]
    given = options(*IMAGES, *values)
    return as_user(cluster, "install", "llm-stack", str(CHART), *skip, *given)


def by_an_administrator() -> str:
    """What docs/chart.md has an administrator apply."""
    shown = [f"--show-only={name}" for name in ADMINISTRATORS]
    given = options(*IMAGES, "namespaces={team-r}")
    done = helm("template", "llm-stack", CHART, "--namespace=team-r", *KUBE, *shown, *given)
    assert done.returncode == 0, done.stderr
    return done.stdout


NOT_ALLOWED = [
    ("as it is", (), True, "failed to install CRD"),
    (
        "without the CRD",
        (),
        False,
        "Without rights in the whole cluster, use rbac.create=false: see docs/chart.md",
    ),
    ("without roles", WITHOUT_ROLES, True, "failed to install CRD"),
    (
        "with a kind that is not there",
        (*WITHOUT_ROLES, "serviceMonitor.enabled=true"),
        False,
        'no matches for kind "ServiceMonitor"',
    ),
]


@pytest.mark.parametrize(
    ("how", "values", "crds", "words"), NOT_ALLOWED, ids=[row[0] for row in NOT_ALLOWED]
)
def test_without_rights_in_the_cluster_nothing_is_left_of_what_was_tried(
    team: ApiServer, how: str, values: tuple[str, ...], crds: bool, words: str
) -> None:
    done = install(team, *values, crds=crds)

    assert done.returncode != 0, how
    assert words in done.stderr
    kinds = "secrets,serviceaccounts,deployments,services,configmaps"
    left = team.kubectl("get", kinds, "--namespace=team-r", "--output=name").split()
    assert [name for name in left if "kube-root-ca" not in name and "/default" not in name] == []


def test_with_what_an_administrator_made_one_namespace_is_enough(team: ApiServer) -> None:
    team.apply_crds()
    team.kubectl("apply", "-f", "-", stdin=by_an_administrator())

    done = install(
        team, *WITHOUT_ROLES, "models.a.spec.model.source=pvc://models/a.gguf", crds=False
    )

    assert done.returncode == 0, done.stderr
    names = team.kubectl("get", "deployments,llmdeployments", "-n", "team-r", "--output=name")
    assert names.split() == [
        "deployment.apps/llm-stack",
        "deployment.apps/llm-stack-gateway",
        "llmdeployment.llmstack.dev/a",
    ]


def test_what_an_administrator_makes_is_the_rest_of_the_release() -> None:
    values = ("namespaces={team-r}", "crds.apply=false")
    mine = render(*IMAGES, *values, "rbac.create=false")
    whole = render(*IMAGES, *values)

    left = [body for body in whole if body not in mine]
    assert {body["kind"] for body in left} == {
        *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    }
    assert [body for body in mine if body not in whole] == []


@pytest.mark.parametrize("value", ["crds.apply=true", "crds.keep=false"])
def test_without_roles_there_is_no_job_for_the_definition(value: str) -> None:
    done = template(*IMAGES, *WITHOUT_ROLES, value)

    assert done.returncode != 0
    assert "the Jobs of `crds` need a ClusterRole" in done.stderr


MISSING = [
    ("namespaces={team-x}", "namespaces: namespace team-x does not exist in this cluster."),
    (
        "models.a.namespace=team-x",
        "models.a: namespace team-x does not exist in this cluster.",
    ),
]


@pytest.mark.parametrize(("value", "words"), MISSING, ids=[row[0] for row in MISSING])
def test_a_namespace_that_there_is_not_is_said_before_anything_is_installed(
    empty: ApiServer, value: str, words: str
) -> None:
    model = ("models.a.spec.model.source=pvc://models/a.gguf",) if "models" in value else ()
    where = (f"--kubeconfig={empty.kubeconfig}", "--namespace=default", "--dry-run=server")

    done = helm("install", "llm-stack", CHART, *where, *options(*IMAGES, value, *model))

    assert done.returncode != 0
    assert words in done.stderr
