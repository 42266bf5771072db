"""Does the leader keep certificate and APIServices right, and leave those of others alone?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.metrics_api import GROUP, NAMES, Metrics, deployment
from tests.integration.operators import Process, installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own: the metrics API is one for all of it."""
    with ApiServer.running(tmp_path_factory.mktemp("keeper-apiserver")) as made:
        made.apply_crds()
        deployment(made)
        yield made


@contextmanager
def installation(server: ApiServer, name: str, directory: Path) -> Iterator[Metrics]:
    """One whose APIServices go when it does."""
    with installed(server, name, directory, everywhere=True, metrics=True) as stack:
        made = Metrics(stack, directory)
        try:
            yield made
        finally:
            made.close()
            stack.close()
            server.kubectl("delete", "apiservice", "--ignore-not-found", *NAMES)


def certificate_of(metrics: Metrics) -> str:
    return metrics.secret()["tls.crt"]


def hears(process: Process) -> bool:
    """Whether the gateway has told it a load."""
    try:
        lines = process.probe("/metrics").text.splitlines()
    except httpx.TransportError:
        return False
    ages = [line.split()[1] for line in lines if line.startswith("llmstack_operator_load_age")]
    return ages != [] and float(ages[0]) < 60


def test_a_certificate_is_renewed_without_a_restart_and_without_a_failure(
    server: ApiServer, tmp_path: Path
) -> None:
    with installation(server, "renewal", tmp_path) as metrics:
        life = {"LLMSTACK_METRICS_CERTIFICATE_SECONDS": "20"}
        processes = [metrics.operator(name, **life) for name in ("one", "two")]
        for process in processes:
            wait_until(partial(hears, process), "each of them to hear the load", 60)
        metrics.wait_for("slots_waiting", "0")
        answers: set[str] = set()

        certificates: set[str] = set()

        def renewed_twice() -> bool:
            answers.add(metrics.value("slots_waiting"))
            certificates.add(certificate_of(metrics))
            return len(certificates) > 2

        wait_until(renewed_twice, "two renewals", 90)
        assert answers == {"0"}
        assert all(process.running for process in processes)
        bundles = {item["spec"]["caBundle"] for item in metrics.api_services().values()}
        assert [base64.b64decode(each).count(b"BEGIN CERT") for each in bundles] == [2]


def test_what_belongs_to_somebody_else_is_left_alone_until_it_goes(
    server: ApiServer, tmp_path: Path
) -> None:
    adapter = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": NAMES[1]},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": "monitoring", "name": "prometheus-adapter", "port": 443},
            "insecureSkipTLSVerify": True,
        },
    }
    server.kubectl("create", "-f", "-", stdin=json.dumps(adapter))
    with installation(server, "foreign", tmp_path) as metrics:
        before = metrics.api_services()[NAMES[1]]
        operator = metrics.operator("one").wait_until("leading")
        words = "belongs to the Service monitoring/prometheus-adapter"
        wait_until(lambda: words in operator.log.read_text(), "the words", 30)
        (left,) = metrics.api_services().values()
        assert left["spec"] == before["spec"]
        assert left["metadata"]["uid"] == before["metadata"]["uid"]

        server.kubectl("delete", "apiservice", NAMES[1])
        wait_until(metrics.ours, "ours in its place", 30)
        wait_until(metrics.gateway.ready, "the gateway", 30)
        metrics.wait_for("slots_waiting", "0")


def test_ours_come_back_when_deleted_and_are_put_right_when_bent(
    server: ApiServer, tmp_path: Path
) -> None:
    with installation(server, "back", tmp_path) as metrics:
        metrics.operator("one")
        metrics.wait_for("slots_waiting", "0")
        server.kubectl("delete", "apiservice", *NAMES)
        wait_until(metrics.ours, "both again", 30)
        metrics.wait_for("slots_waiting", "0")

        patch = json.dumps({"spec": {"caBundle": None, "insecureSkipTLSVerify": True}})
        server.kubectl("patch", "apiservice", NAMES[0], "--type=merge", f"--patch={patch}")

        def right() -> bool:
            spec = metrics.api_services()[NAMES[0]]["spec"]
            return "caBundle" in spec and "insecureSkipTLSVerify" not in spec

        wait_until(right, "the certificate to be checked again", 30)
        metrics.wait_for("slots_waiting", "0")


def test_a_secret_that_was_broken_or_deleted_is_made_anew(
    server: ApiServer, tmp_path: Path
) -> None:
    with installation(server, "broken", tmp_path) as metrics:
        metrics.operator("one")
        metrics.wait_for("slots_waiting", "0")
        name, own = f"{metrics.service}-tls", metrics.stack.namespace
        patch = json.dumps({"data": {"tls.key": base64.b64encode(b"x").decode()}})
        server.kubectl("-n", own, "patch", "secret", name, "--type=merge", f"--patch={patch}")
        wait_until(lambda: metrics.secret()["tls.key"] != "x", "another key", 30)
        metrics.wait_for("slots_waiting", "0")

        server.kubectl("-n", own, "delete", "secret", name)
        metrics.wait_for("slots_waiting", "0")
        listed = ("-n", own, "get", "secrets", "-o", "name")
        wait_until(lambda: name in server.kubectl(*listed), "the Secret", 30)


def test_with_the_release_they_go_and_namespaces_can_be_deleted(
    server: ApiServer, tmp_path: Path
) -> None:
    """What helm deletes is deleted, the operator first: the garbage collector does the rest."""
    with server.controllers(), installation(server, "release", tmp_path) as metrics:
        metrics.operator("one")
        metrics.wait_for("slots_waiting", "0")
        metrics.stack.close()
        server.kubectl("delete", "clusterrole", metrics.owner)
        wait_until(lambda: not metrics.api_services(), "the APIServices to go", 60)
        assert metrics.get(GROUP).status_code == 404

        server.kubectl("create", "namespace", "afterwards")
        server.kubectl("delete", "namespace", "afterwards", "--timeout=60s")


def test_without_the_rights_it_says_so_and_makes_nothing(server: ApiServer, tmp_path: Path) -> None:
    with installation(server, "powerless", tmp_path) as metrics:
        server.kubectl("delete", "clusterrole", metrics.owner)
        operator = metrics.operator("one")
        words = "the metrics API cannot be set up"
        wait_until(lambda: words in operator.log.read_text(), "the words", 30)
        assert not metrics.api_services()
