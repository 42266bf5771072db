"""What does the chart install? Rendered by the real helm, judged by the real API server."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmstack.api.quantity import parse_bytes
from llmstack.desired.metadata import GATEWAY_PORT
from llmstack.desired.secret import root_copy_name
from llmstack.metricsapi.documents import METRICS_GROUP, RESOURCE
from llmstack.scaling.custom_metrics import METRICS
from llmstack.settings.gateway import GatewaySettings
from llmstack.settings.limits import Limits
from llmstack.settings.operator import OperatorSettings
from tests.e2e.cluster import versions
from tests.e2e.cluster.binaries import binary
from tests.integration.apiserver import ApiServer
from tests.unit.docs import settings as documents

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "llm-stack"
ALL_OPTIONS = CHART / "ci" / "all-values.yaml"
IMAGES = ("image.repository=example.internal/operator", "serverImages.cpu=example.internal/llama:1")
# A helm that `go install` made believes to speak to Kubernetes 1.20 where it speaks to none.
KUBE = (f"--kube-version={versions.KUBERNETES}",)

PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

Object = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [binary("helm"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def template(*values: str, file: Path | None = None) -> subprocess.CompletedProcess[str]:
    sets = [f"--set={value}" for value in values]
    files = [f"--values={file}"] if file else []
    return helm("template", "llm-stack", str(CHART), "--namespace=llm-stack", *KUBE, *sets, *files)


def render(*values: str, file: Path | None = None) -> list[Object]:
    done = template(*(values or (() if file else IMAGES)), file=file)
    assert done.returncode == 0, done.stderr
    return [body for body in yaml.safe_load_all(done.stdout) if body]


OPERATOR, GATEWAY = "operator", "gateway"


def one(objects: list[Object], kind: str, component: str = OPERATOR) -> Object:
    """The one object of this kind that belongs to this part of the stack."""
    label = "app.kubernetes.io/component"
    (found,) = (
        body
        for body in objects
        if body["kind"] == kind and body["metadata"]["labels"].get(label) == component
    )
    return found


def rules(objects: list[Object]) -> list[Object]:
    """The rules that apply to the operator: those of people are not its own."""
    roles = [body for body in objects if body["kind"] in ("Role", "ClusterRole")]
    people = ("-edit", "-view")
    return [
        rule for r in roles if not r["metadata"]["name"].endswith(people) for rule in r["rules"]
    ]


def test_two_renders_are_equal_so_that_argo_cd_sees_no_change() -> None:
    assert template(file=ALL_OPTIONS).stdout == template(file=ALL_OPTIONS).stdout


REFUSED = [
    ("no image", (IMAGES[1],), "Set image.repository to the operator's image"),
    ("no llama-server image", (IMAGES[0],), "Set serverImages.cpu to the llama-server image"),
    ("a misspelt value", (*IMAGES, "replica=2"), "replica"),
    ("a log level that is none", (*IMAGES, "logLevel=loud"), "logLevel"),
    ("an origin that is none", (*IMAGES, "gateway.cors.origins={chat.example}"), "origins"),
    ("a namespace that cannot be", (*IMAGES, "namespaces={Team_A}"), "namespaces"),
]


@pytest.mark.parametrize(("what", "values", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_an_install_that_cannot_work_is_refused_in_words(
    what: str, values: tuple[str, ...], words: str
) -> None:
    done = template(*values)

    assert done.returncode != 0, what
    assert words in done.stderr


def test_it_brings_the_crd_but_never_a_secret() -> None:
    done = helm("template", "x", str(CHART), f"--values={ALL_OPTIONS}", "--include-crds", *KUBE)
    kinds = [body["kind"] for body in yaml.safe_load_all(done.stdout) if body]

    assert kinds.count("CustomResourceDefinition") == 1
    assert "Secret" not in kinds


def test_the_helm_of_the_cluster_needs_no_word_of_the_clusters_version() -> None:
    done = helm("template", "x", str(CHART), f"--values={ALL_OPTIONS}")
    assert done.returncode == 0, done.stderr


def test_rights_name_verbs_and_resources() -> None:
    for rule in rules(render(file=ALL_OPTIONS)):
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], rule


def test_secrets_are_never_listed_or_watched_but_by_name() -> None:
    verbs = {
        verb
        for rule in rules(render())
        if "secrets" in rule["resources"] and not rule.get("resourceNames")
        for verb in rule["verbs"]
    }

    assert not verbs & {"list", "watch", "deletecollection"}


def test_the_gateway_writes_nothing_and_sees_no_secret_but_its_two() -> None:
    objects = render(file=ALL_OPTIONS)
    seen = one(objects, "Role", GATEWAY)["rules"] + one(objects, "ClusterRole", GATEWAY)["rules"]

    assert {verb for rule in seen for verb in rule["verbs"]} == {"get", "list", "watch"}
    (secrets,) = (rule for rule in seen if "secrets" in rule["resources"])
    assert secrets["resourceNames"] == ["llm-stack-root", "client-keys"]
    assert {resource for rule in seen for resource in rule["resources"]} == {
        "secrets",
        "llmdeployments",
        "endpointslices",
    }


def test_with_namespaces_the_operator_has_rights_in_these_alone() -> None:
    objects = render(file=ALL_OPTIONS)
    bound = [
        (body["kind"], body["metadata"].get("namespace"))
        for body in objects
        if body["kind"].endswith("Binding") and body["roleRef"]["name"] == "llm-stack"
    ]

    assert sorted(bound) == [
        ("RoleBinding", "llm-stack"),
        ("RoleBinding", "team-a"),
        ("RoleBinding", "team-b"),
    ]


def container(objects: list[Object], component: str = OPERATOR) -> Object:
    (found,) = one(objects, "Deployment", component)["spec"]["template"]["spec"]["containers"]
    return found


def environment(objects: list[Object], component: str = OPERATOR) -> dict[str, str]:
    """The environment as the pod gets it."""
    it = container(objects, component)
    return {
        entry["name"]: entry.get("value") or referred(it, entry["valueFrom"]) for entry in it["env"]
    }


def referred(container: Object, source: Object) -> str:
    """What the kubelet puts in for a field of the pod, or for a limit of its container."""
    if "fieldRef" in source:
        fields = {
            "metadata.name": "llm-stack-0",
            "metadata.namespace": "llm-stack",
            "status.podIPs": "10.0.0.7,fd00::7",
        }
        return fields[source["fieldRef"]["fieldPath"]]
    limits, _, resource = source["resourceFieldRef"]["resource"].partition(".")
    assert limits == "limits"
    return str(parse_bytes(container["resources"][limits][resource]))


def test_the_operator_understands_what_the_chart_tells_it(tmp_path: Path) -> None:
    told = environment(render(file=ALL_OPTIONS))
    bundle = tmp_path / "ca.crt"
    bundle.write_text("what the ConfigMap holds")
    settings = OperatorSettings.from_env(told | {"LLMSTACK_CA_BUNDLE_FILE": str(bundle)})

    assert settings.namespace == "llm-stack"
    assert settings.identity == "llm-stack-0"
    assert settings.fetch_image == container(render(file=ALL_OPTIONS))["image"]
    assert set(settings.server_images) == {"cpu", "nvidia"}
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.fetch_env == {"HF_ENDPOINT": "https://hub.example.internal"}
    assert settings.ca_bundle == bundle.read_text()
    assert settings.log_level == "debug"
    assert settings.ipv6
    assert settings.metrics.service == ""
    assert settings.gateway_host == "llm-stack-gateway.llm-stack.svc.cluster.example.internal"
    (policy,) = (
        body
        for body in render(file=ALL_OPTIONS)
        if (body["kind"], body["metadata"]["name"]) == ("NetworkPolicy", "llm-stack-gateway")
    )
    assert settings.gateway_pods == policy["spec"]["podSelector"]["matchLabels"]


@pytest.mark.parametrize(
    ("value", "policy"), [(None, "PreferDualStack"), ("SingleStack", "SingleStack"), ("", None)]
)
def test_every_service_gets_the_address_families_of_the_values(
    value: str | None, policy: str | None
) -> None:
    objects = render(*IMAGES, *([] if value is None else [f"ipFamilyPolicy={value}"]))
    services = [body for body in objects if body["kind"] == "Service"]
    assert len(services) == 4
    assert {body["spec"].get("ipFamilyPolicy") for body in services} == {policy}


def test_without_networkpolicies_the_operator_is_told_to_make_none() -> None:
    told = environment(render(*IMAGES, "networkPolicy.enabled=false"))

    assert OperatorSettings.from_env(told).gateway_pods == {}


def test_the_gateway_understands_what_the_chart_tells_it() -> None:
    settings = GatewaySettings.from_env(environment(render(file=ALL_OPTIONS), GATEWAY))

    assert settings.namespace == "llm-stack"
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.root_secret == "llm-stack-root"
    assert settings.keys_secret == "client-keys"
    assert settings.cors_origins == ("https://chat.example.internal",)
    assert settings.limits.idle_seconds == 620
    assert settings.limits.drain_seconds == 600
    assert not settings.limits.drop_unknown
    assert settings.limits.body == 1048576
    assert settings.log_level == "debug"


def test_without_a_secret_of_keys_and_origins_the_gateway_is_told_of_none() -> None:
    settings = GatewaySettings.from_env(environment(render(), GATEWAY))

    assert settings.keys_secret == ""
    assert settings.cors_origins == ()


def test_connections_are_kept_as_long_as_the_gateway_keeps_them_by_itself() -> None:
    told = environment(render(), GATEWAY)
    own = Limits().idle_seconds

    assert GatewaySettings.from_env(told).limits.idle_seconds == own
    further = (*IMAGES, "gateway.extraEnv.LLMSTACK_IDLE_SECONDS=9.5")
    entries = container(render(*further), GATEWAY)["env"]
    assert [e["value"] for e in entries if e["name"] == "LLMSTACK_IDLE_SECONDS"] == ["9.5"]


@pytest.mark.parametrize("component", [OPERATOR, GATEWAY])
def test_every_variable_is_documented_where_it_is_read(component: str) -> None:
    parts = {OPERATOR: ("operator", "fetch"), GATEWAY: ("gateway", "limits")}
    documented = {each.name for part in parts[component] for each in documents.known(part)}

    assert set(environment(render(file=ALL_OPTIONS), component)) <= documented | PROXIES


def test_the_operator_is_told_of_the_gateway_that_is_installed_beside_it() -> None:
    objects = render()
    settings = OperatorSettings.from_env(environment(objects))
    clients, admin = (
        body
        for body in objects
        if body["kind"] == "Service" and "gateway" in body["metadata"]["name"]
    )
    ports = container(objects, GATEWAY)["ports"]

    assert settings.gateway_host == f"{clients['metadata']['name']}.llm-stack.svc.cluster.local"
    assert [port["port"] for port in clients["spec"]["ports"]] == [GATEWAY_PORT]
    where = f"{admin['metadata']['name']}.llm-stack.svc.cluster.local:9090"
    assert settings.gateway_load_url == f"http://{where}/load"
    assert [port["targetPort"] for port in admin["spec"]["ports"]] == ["admin"]
    assert [(port["name"], port["containerPort"]) for port in ports] == [
        ("http", 8080),
        ("admin", 9090),
    ]


def test_the_replicas_accept_exactly_the_gateways_pods() -> None:
    objects = render()
    workload = one(objects, "Deployment", GATEWAY)["spec"]
    settings = OperatorSettings.from_env(environment(objects))

    assert settings.gateway_pods == workload["selector"]["matchLabels"]
    assert settings.gateway_pods.items() <= workload["template"]["metadata"]["labels"].items()
    assert one(objects, "Deployment")["spec"]["selector"]["matchLabels"] != settings.gateway_pods


def test_the_next_gateway_is_there_before_the_last_one_goes() -> None:
    workload = one(render(), "Deployment", GATEWAY)["spec"]

    assert workload["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_stopping_gateway_has_time_to_end_its_streams() -> None:
    objects = render(*IMAGES, "gateway.drainSeconds=600")
    pod = one(objects, "Deployment", GATEWAY)["spec"]["template"]["spec"]
    settings = GatewaySettings.from_env(environment(objects, GATEWAY))

    assert settings.limits.drain_seconds == 600
    assert pod["terminationGracePeriodSeconds"] >= 5 + settings.limits.drain_seconds + 10


def test_the_names_in_the_roles_are_those_the_operator_uses() -> None:
    objects = render()
    settings = OperatorSettings.from_env(environment(objects))
    operators_own = one(objects, "Role")["rules"]
    names = {name for rule in operators_own for name in rule.get("resourceNames", ())}

    roots = {settings.root_secret, root_copy_name(settings.root_secret)}
    assert names == {settings.lease.name, *roots, settings.metrics.secret}


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = (
        body for body in objects if (body["kind"], body["metadata"]["name"]) == (kind, name)
    )
    return found


def test_the_metrics_service_leads_to_the_port_that_serves_metrics() -> None:
    objects = render()
    settings = OperatorSettings.from_env(environment(objects)).metrics
    service = named(objects, "Service", settings.service)["spec"]
    (port,) = (each for each in container(objects)["ports"] if each["name"] == "metrics")

    assert service["selector"] == one(objects, "Deployment")["spec"]["selector"]["matchLabels"]
    assert [(each["port"], each["targetPort"]) for each in service["ports"]] == [(443, "metrics")]
    assert port["containerPort"] == settings.port


def test_the_metrics_api_goes_with_a_role_of_the_release_that_the_operator_may_read() -> None:
    objects = render()
    owner = OperatorSettings.from_env(environment(objects)).metrics.owner
    named(objects, "ClusterRole", owner)
    readable = [r for r in rules(objects) if r["resources"] == ["clusterroles"]]

    assert [(rule["resourceNames"], rule["verbs"]) for rule in readable] == [([owner], ["get"])]


def test_the_role_that_owns_the_apiservices_is_for_the_metrics_api_alone() -> None:
    """So it goes, and they go, also where only the metrics API goes: by a rollback, say."""
    owner = OperatorSettings.from_env(environment(render())).metrics.owner
    without = render(*IMAGES, "namespaces={team-a}")

    assert owner not in {body["metadata"]["name"] for body in without}


def test_with_namespaces_there_is_no_metrics_api_and_no_right_for_it() -> None:
    objects = render(file=ALL_OPTIONS)
    seen = {resource for rule in rules(objects) for resource in rule["resources"]}

    assert not seen & {"apiservices", "subjectaccessreviews", "clusterroles"}
    assert not [body for body in objects if body["metadata"].get("namespace") == "kube-system"]
    assert not [body for body in objects if body["metadata"]["name"].endswith("-metrics")]
    assert METRICS_GROUP not in template(file=ALL_OPTIONS).stdout
    assert [port["name"] for port in container(objects)["ports"]] == ["http"]


def test_whoever_may_view_deployments_may_read_each_of_their_metrics() -> None:
    (view,) = (body for body in render() if body["metadata"]["name"].endswith("-view"))
    (rule,) = (rule for rule in view["rules"] if rule["apiGroups"] == [METRICS_GROUP])

    assert rule["resources"] == [f"{RESOURCE}/{metric}" for metric in METRICS]


def test_a_stopping_pod_has_time_to_end_its_passes() -> None:
    objects = render(*IMAGES, "stopSeconds=77")
    settings = OperatorSettings.from_env(environment(objects))
    grace = one(objects, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]

    assert grace >= settings.stop_seconds + 10


def test_a_standby_has_a_disruption_budget_and_a_lone_operator_none() -> None:
    alone = render(*IMAGES, "replicas=1")
    assert not [body for body in alone if body["kind"] == "PodDisruptionBudget"]
    assert one(render(), "Deployment")["spec"]["replicas"] == 2
    assert one(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("fixed", [True, False])
def test_ids_are_fixed_or_left_to_the_cluster_for_all_pods(fixed: bool) -> None:
    objects = render(*IMAGES, f"fixedIds={str(fixed).lower()}")
    pods = [
        body["spec"] if body["kind"] == "Pod" else body["spec"]["template"]["spec"]
        for body in objects
        if body["kind"] in ("Pod", "Deployment", "Job")
    ]
    ids = [pod["securityContext"].get("runAsUser") for pod in pods]
    assert len(pods) > 2
    assert set(ids) == {65532 if fixed else None}
    assert OperatorSettings.from_env(environment(objects)).fixed_ids is fixed


def test_a_digest_wins_over_a_tag() -> None:
    digest = "sha256:" + "0" * 64
    objects = render(*IMAGES, "image.tag=v1", f"image.digest={digest}")

    assert container(objects)["image"] == f"example.internal/operator@{digest}"
    assert container(objects, GATEWAY)["image"] == container(objects)["image"]


@pytest.fixture(scope="module")
def restricted(apiserver: ApiServer) -> str:
    """A namespace that lets only restricted pods in."""
    apiserver.kubectl("create", "namespace", "chart")
    label = "pod-security.kubernetes.io/enforce=restricted"
    apiserver.kubectl("label", "namespace", "chart", label)
    apiserver.kubectl("create", "serviceaccount", "default", "--namespace=chart")
    return "chart"


@pytest.mark.parametrize("component", [OPERATOR, GATEWAY])
def test_the_pods_meet_the_restricted_standard(
    apiserver: ApiServer, restricted: str, component: str
) -> None:
    spec = one(render(), "Deployment", component)["spec"]["template"]["spec"]
    del spec["serviceAccountName"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": component}, "spec": spec}

    apiserver.kubectl("create", f"--namespace={restricted}", "-f", "-", stdin=yaml.safe_dump(pod))
