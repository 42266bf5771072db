"""Do the pods have the volumes, device claims and ids that the spec asks for?"""

from dataclasses import replace
from typing import Any

import pytest

from llmstack.controller.observe_objects import named_claims, named_secrets
from tests.unit.desired.samples import (
    CONTEXT,
    built,
    deployment,
    fetch,
    mounts,
    pod,
    server,
    volume,
)

GIVEN: dict[str, Any] = {
    "volumes": [
        {"name": "templates", "configMap": {"name": "chat"}},
        {"name": "files", "secret": {"secretName": "files"}},
        {"name": "maybe", "secret": {"secretName": "maybe", "optional": True}},
        {"name": "adapters", "persistentVolumeClaim": {"claimName": "adapters"}},
        {"name": "scratch", "emptyDir": {}},
    ],
    "volumeMounts": [
        {"name": name, "mountPath": f"/mnt/{name}"} for name in ("templates", "adapters", "scratch")
    ],
}
CLAIM = {"resourceClaimTemplateName": "gpu"}


def test_the_server_reads_the_volumes_and_writes_its_scratch_space_alone() -> None:
    seen = mounts(server(pod=GIVEN))
    assert seen["/mnt/templates"] is True
    assert seen["/mnt/adapters"] is True
    assert seen["/mnt/scratch"] is False
    assert volume("templates", pod=GIVEN) == {"configMap": {"name": "chat"}}
    assert volume("scratch", pod=GIVEN) == {"emptyDir": {}}


def test_the_download_does_not_see_them() -> None:
    assert not [path for path in mounts(fetch(pod=GIVEN)) if path.startswith("/mnt")]


def test_what_they_name_is_looked_for() -> None:
    spec = deployment(pod=GIVEN).spec
    assert named_secrets(spec) == ["files"]
    assert named_claims(spec) == ["adapters"]


def test_a_claim_may_tie_replicas_to_one_node_so_the_old_one_goes_first() -> None:
    update = built("Deployment", pod=GIVEN)["spec"]["strategy"]["rollingUpdate"]
    assert update == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_claimed_device_replaces_the_extended_resource() -> None:
    spec = {"accelerator": {"vendor": "nvidia", "resourceClaim": CLAIM}}
    resources = server(**spec)["resources"]
    assert resources["claims"] == [{"name": "accelerator"}]
    assert not any("/" in name for name in resources["requests"])
    assert pod(**spec)["resourceClaims"] == [{"name": "accelerator", **CLAIM}]
    update = built("Deployment", **spec)["spec"]["strategy"]["rollingUpdate"]
    assert update["maxSurge"] == 0


def test_further_claims_stand_beside_it() -> None:
    claims = [{"name": "nic", "resourceClaimName": "nic", "request": "one"}]
    spec = {"accelerator": {"vendor": "nvidia"}, "pod": {"resourceClaims": claims}}
    resources = server(**spec)["resources"]
    assert resources["claims"] == [{"name": "nic", "request": "one"}]
    assert resources["limits"] == {"nvidia.com/gpu": "1"}
    assert pod(**spec)["resourceClaims"] == [{"name": "nic", "resourceClaimName": "nic"}]


def test_a_share_of_a_device_is_a_limit_beside_it() -> None:
    limits = {"nvidia.com/gpumem": "3000"}
    spec = {"accelerator": {"vendor": "nvidia"}, "engine": {"resources": {"limits": limits}}}
    assert server(**spec)["resources"]["limits"] == {**limits, "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("installation", "spec", "fixed"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_ids_are_fixed_or_the_clusters(installation: bool, spec: bool | None, fixed: bool) -> None:
    context = replace(CONTEXT, fixed_ids=installation)
    security = pod(context, pod={} if spec is None else {"fixedIds": spec})["securityContext"]
    assert security["runAsNonRoot"] is True
    ids = {name for name in ("runAsUser", "runAsGroup", "fsGroup") if name in security}
    assert len(ids) == (3 if fixed else 0)
