"""Which settings does an environment ask of the operator?"""

from pathlib import Path

import pytest

from llmstack.errors import ConfigurationError
from llmstack.settings.operator import OperatorSettings

NEEDED = {
    "POD_NAMESPACE": "llm-stack",
    "LLMSTACK_IMAGE_FETCH": "operator:1",
    "LLMSTACK_IMAGE_SERVER_CPU": "cpu:1",
}


def test_the_needed_ones_suffice() -> None:
    settings = OperatorSettings.from_env(NEEDED)
    assert settings.server_images == {"cpu": "cpu:1"}
    assert settings.namespaces == ()
    assert (settings.lease.duration, settings.lease.renew_deadline, settings.lease.retry) == (
        15,
        10,
        2,
    )


def test_images_by_vendor_namespaces_and_what_fetch_gets() -> None:
    env = {
        **NEEDED,
        "LLMSTACK_IMAGE_SERVER_NVIDIA": "cuda:1",
        "LLMSTACK_NAMESPACES": " a, b,",
        "HF_ENDPOINT": "http://hub",
        "HTTPS_PROXY": "",
        "LLMSTACK_FETCH_SLOW_SECONDS": "20",
    }
    settings = OperatorSettings.from_env(env)
    assert settings.server_images == {"cpu": "cpu:1", "nvidia": "cuda:1"}
    assert settings.namespaces == ("a", "b")
    assert settings.fetch_env == {
        "HF_ENDPOINT": "http://hub",
        "LLMSTACK_FETCH_SLOW_SECONDS": "20",
    }


@pytest.mark.parametrize(
    ("addresses", "ipv6"),
    [("", False), ("10.0.0.7", False), ("fd00::7", True), ("10.0.0.7,fd00::7", True)],
)
def test_replicas_listen_on_ipv6_where_the_operators_own_pod_has_it(
    addresses: str, ipv6: bool
) -> None:
    settings = OperatorSettings.from_env({**NEEDED, "LLMSTACK_POD_IPS": addresses})
    assert settings.ipv6 is ipv6


def test_the_ca_bundle_is_read(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("PEM")
    env = {**NEEDED, "LLMSTACK_CA_BUNDLE_FILE": str(bundle)}
    assert OperatorSettings.from_env(env).ca_bundle == "PEM"


def test_where_the_gateway_is() -> None:
    env = {
        **NEEDED,
        "LLMSTACK_GATEWAY_HOST": "gateway.llm-stack.svc.cluster.local",
        "LLMSTACK_GATEWAY_PODS": "app.kubernetes.io/component=gateway, a=b",
        "LLMSTACK_GATEWAY_LOAD_URL": "http://gateway-admin:9090/load",
    }
    settings = OperatorSettings.from_env(env)
    assert settings.gateway_host == "gateway.llm-stack.svc.cluster.local"
    assert settings.gateway_pods == {"app.kubernetes.io/component": "gateway", "a": "b"}
    assert settings.gateway_load_url == "http://gateway-admin:9090/load"
    assert not OperatorSettings.from_env(NEEDED).gateway_pods


def test_where_replicas_may_connect_to() -> None:
    usual = OperatorSettings.from_env(NEEDED)
    assert (usual.egress_restricted, usual.egress_allow) == (True, ())
    assert not OperatorSettings.from_env(
        {**NEEDED, "LLMSTACK_REPLICA_EGRESS": "open"}
    ).egress_restricted
    more = OperatorSettings.from_env({**NEEDED, "LLMSTACK_REPLICA_EGRESS_ALLOW": '[{"to": []}]'})
    assert more.egress_allow == ({"to": []},)


@pytest.mark.parametrize("value", ["{", "{}", "[1]", '"to"'])
def test_rules_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="LLMSTACK_REPLICA_EGRESS_ALLOW must be"):
        OperatorSettings.from_env({**NEEDED, "LLMSTACK_REPLICA_EGRESS_ALLOW": value})


def test_a_proxys_password_is_not_shown() -> None:
    env = {**NEEDED, "HTTPS_PROXY": "http://alice:pr0xy-Passw0rd@proxy:3128"}
    settings = OperatorSettings.from_env(env)
    assert settings.fetch_env["HTTPS_PROXY"].startswith("http://alice")
    assert "Passw0rd" not in repr(settings)


def test_the_metrics_api() -> None:
    env = {"LLMSTACK_METRICS_SERVICE": "llm-metrics", "LLMSTACK_METRICS_OWNER": "llm"}
    metrics = OperatorSettings.from_env({**NEEDED, **env}).metrics
    assert (metrics.service, metrics.owner, metrics.port) == ("llm-metrics", "llm", 8443)
    assert metrics.secret == "llm-metrics-tls"
    assert not OperatorSettings.from_env(NEEDED).metrics.service


METRICS = {"LLMSTACK_METRICS_SERVICE": "x", "LLMSTACK_METRICS_OWNER": "x"}
WRONG = [
    ("metrics without an owner", {"LLMSTACK_METRICS_SERVICE": "x"}, "no namespace can be deleted"),
    ("metrics of some namespaces", {**METRICS, "LLMSTACK_NAMESPACES": "a"}, "mutually exclusive"),
    ("a needed one is missing", {"POD_NAMESPACE": ""}, "POD_NAMESPACE is not set"),
    ("no number", {"LLMSTACK_WORKERS": "many"}, "LLMSTACK_WORKERS must be a number"),
    ("no whole number", {"LLMSTACK_WORKERS": "1.5"}, "LLMSTACK_WORKERS must be a positive whole"),
    ("not positive", {"LLMSTACK_RESYNC_SECONDS": "0"}, "LLMSTACK_RESYNC_SECONDS must be a posi"),
    ("infinite", {"LLMSTACK_RESYNC_SECONDS": "inf"}, "LLMSTACK_RESYNC_SECONDS must be a posi"),
    ("no level", {"LLMSTACK_LOG_LEVEL": "loud"}, "LLMSTACK_LOG_LEVEL must be one of debug"),
    ("no labels", {"LLMSTACK_GATEWAY_PODS": "gateway"}, "LLMSTACK_GATEWAY_PODS must be labels"),
    ("no file", {"LLMSTACK_CA_BUNDLE_FILE": "/none"}, "the file in LLMSTACK_CA_BUNDLE_FILE"),
    ("a Lease that expires first", {"LLMSTACK_LEASE_DURATION_SECONDS": "5"}, "2 < 10 <= 5 - 1"),
    ("no time to end in", {"LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS": "14.5"}, "14.5 <= 15 - 1"),
]


@pytest.mark.parametrize(("sentence", "env", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_ones_are_named(sentence: str, env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OperatorSettings.from_env({**NEEDED, **env})
