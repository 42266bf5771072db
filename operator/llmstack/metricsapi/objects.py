"""Which objects does the metrics API need? A Secret for its certificate, and APIServices. Pure.

An APIService is one for the whole cluster and one a version, and the API server prefers the newest
version of a group. So the group is ours, or it is somebody else's: where one version leads to
another Service, this operator has none of them.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER, PART_OF_LABEL, PRODUCT
from llmstack.kube.kinds import API_SERVICE, SECRET
from llmstack.metricsapi.certificate import Material
from llmstack.metricsapi.documents import METRICS_GROUP, VERSIONS

Object = dict[str, Any]

SERVICE_PORT = 443
_LABELS = {PART_OF_LABEL: PRODUCT, MANAGED_BY_LABEL: MANAGER}
_PRIORITY = {"v1beta2": 200, "v1beta1": 100}


@dataclass(frozen=True)
class Place:
    """Service through which the API is reached."""

    namespace: str
    service: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """The Service's DNS names; the API server uses the first."""
        name = f"{self.service}.{self.namespace}"
        return (f"{name}.svc", name)


@dataclass(frozen=True)
class Plan:
    """What is to be done with the APIServices; `trouble`: who keeps us from having them."""

    create: tuple[Object, ...] = ()
    replace: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()
    trouble: str = ""


def build_secret(place: Place, name: str, material: Material, live: Object | None) -> Object:
    """The Secret of a certificate; in place of `live` if there is one."""
    metadata = {"name": name, "namespace": place.namespace, "labels": _LABELS}
    if live:
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    parts = {"ca.crt": material.authorities, "tls.crt": material.certificate}
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": metadata,
        "type": live["type"] if live else "kubernetes.io/tls",
        "data": {key: _encode(text) for key, text in {**parts, "tls.key": material.key}.items()},
    }


def read_secret(live: Mapping[str, Any] | None) -> Material | None:
    """Return the certificate in a live Secret, or None if it has none."""
    data = (live or {}).get("data") or {}
    try:
        parts = [
            base64.b64decode(data[key], validate=True).decode()
            for key in ("ca.crt", "tls.crt", "tls.key")
        ]
    except (KeyError, binascii.Error, ValueError):
        return None
    return Material(*parts)


def api_service_name(version: str) -> str:
    """Return the name of the APIService of a version."""
    return f"{version}.{METRICS_GROUP}"


def build_api_service(version: str, place: Place, owner: Mapping[str, Any], ca: str) -> Object:
    """Leads the API server to our Service. It goes when its owner, a ClusterRole, goes."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {
        "apiVersion": API_SERVICE.api_version,
        "kind": API_SERVICE.kind,
        "metadata": {
            "name": api_service_name(version),
            "labels": _LABELS,
            "ownerReferences": [reference],
        },
        "spec": {
            "group": METRICS_GROUP,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": _PRIORITY[version],
            "service": {
                "namespace": place.namespace,
                "name": place.service,
                "port": SERVICE_PORT,
            },
            "caBundle": _encode(ca),
        },
    }


def plan(
    live: Mapping[str, Object | None], place: Place, owner: Mapping[str, Any], ca: str
) -> Plan:
    """Decide what to do about the existing APIServices, given by version."""
    ours = {version: body for version, body in live.items() if body and is_ours(body, place)}
    foreign = [body for version, body in live.items() if body and version not in ours]
    if foreign:
        return Plan(delete=tuple(ours.values()), trouble=_who_owns(foreign))
    wanted = {version: build_api_service(version, place, owner, ca) for version in VERSIONS}
    changed = [
        _changed(ours[version], body)
        for version, body in wanted.items()
        if version in ours and not _says(ours[version], body)
    ]
    return Plan(
        create=tuple(body for version, body in wanted.items() if version not in ours),
        replace=tuple(changed),
    )


def is_ours(body: Object, place: Place) -> bool:
    """True if this APIService leads to this installation."""
    labels = body["metadata"].get("labels") or {}
    service = body["spec"].get("service") or {}
    leads_here = (service.get("namespace"), service.get("name")) == (place.namespace, place.service)
    return leads_here and labels.get(MANAGED_BY_LABEL) == MANAGER


def _says(body: Object, wanted: Object) -> bool:
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    return bool(
        wanted["metadata"]["labels"].items() <= labels.items()
        and metadata.get("ownerReferences") == wanted["metadata"]["ownerReferences"]
        and body["spec"] == wanted["spec"]
    )


def _changed(body: Object, wanted: Object) -> Object:
    """The live object, saying what is wanted; its resourceVersion is the precondition."""
    labels = {**(body["metadata"].get("labels") or {}), **wanted["metadata"]["labels"]}
    references = wanted["metadata"]["ownerReferences"]
    metadata = {**body["metadata"], "labels": labels, "ownerReferences": references}
    return {**wanted, "metadata": metadata}


def _who_owns(foreign: list[Object]) -> str:
    names = " and ".join(sorted(body["metadata"]["name"] for body in foreign))
    owners = " and ".join(sorted({_leads_to(body) for body in foreign}))
    plural = len(foreign) > 1
    return (
        f"APIService{'s' if plural else ''} {names} {'belong' if plural else 'belongs'} to "
        f"{owners}, and the metrics of slots cannot be served beside it: uninstall what owns "
        f"{'them' if plural else 'it'}, or let it serve no custom metrics"
    )


def _leads_to(body: Object) -> str:
    service = body["spec"].get("service")
    if not service:
        return "the API server itself"
    return f"the Service {service.get('namespace')}/{service.get('name')}"


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
