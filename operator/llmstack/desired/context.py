"""What do the objects depend on that the spec does not say?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmstack.observed import Held


@dataclass(frozen=True)
class Recorded:
    """The pod template in use, and the hash of the spec that it was built from."""

    spec_hash: str
    template: Mapping[str, Any]


@dataclass(frozen=True)
class GatewayPlace:
    """Location of the gateway.

    `host` is the DNS name of its Service, "" if there is none. `pods` are labels of its pods in
    `namespace`; none: the replicas accept everybody.
    """

    host: str = ""
    namespace: str = ""
    pods: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Egress:
    """Where replicas may connect to: `restricted` to their sources and `allow`, else everywhere.

    `allow` are further rules of a NetworkPolicy's `egress`.
    """

    restricted: bool = True
    allow: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Context:
    """The operator's settings, the deployment's server key, and the template in use.

    `server_images` maps a vendor, as the spec writes it, to its llama-server image. `fetch_env` is
    passed to the init container as it is. `ca_bundle` is PEM text, "" for the system's own.
    `fixed_ids` is False where the cluster gives user and group ids to pods, as OpenShift does.
    `ipv6` is True where pods have an IPv6 address, alone or beside one of IPv4.
    `recorded` is None before the first Deployment exists; `record_places` are the ConfigMaps that
    hold it and the one before (template.places). `held` is why the recorded template stays
    in use although the spec has changed (desired/hold.py); None if it does not.
    """

    server_images: Mapping[str, str]
    fetch_image: str
    server_key: str = field(repr=False)
    fetch_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_bundle: str = ""
    gateway: GatewayPlace = GatewayPlace()
    egress: Egress = Egress()
    fixed_ids: bool = True
    ipv6: bool = False
    recorded: Recorded | None = None
    record_places: tuple[str, ...] = ()
    held: Held | None = None
