"""Which models, replicas and keys does the Kubernetes API list?

    LLMDeployments, EndpointSlices, root Secret ─> Catalog
    Secret with the clients' keys ───────────────> Keys

Each is followed by an informer, which keeps its last state while the API server is unreachable, and
so does the gateway. The two Secrets are watched by name, so no right to list others is needed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER, SERVICE_LABEL
from llmstack.desired.secret import load_key, peers_key, read_root
from llmstack.gateway.addresses import Addresses
from llmstack.gateway.catalog import Catalog
from llmstack.gateway.cluster_catalog import Deployments, build_catalog
from llmstack.gateway.keys import Keys, keys_from_secret
from llmstack.gateway.peers.place import peer_names
from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.informer import Informer, Scope
from llmstack.kube.kinds import ENDPOINT_SLICE, LLM_DEPLOYMENT, SECRET, Kind
from llmstack.kube.objects import Object, Place
from llmstack.kube.session import open_watch_session
from llmstack.settings.gateway import GatewaySettings
from llmstack.version import VERSION

log = logging.getLogger(__name__)

_OURS = f"{MANAGED_BY_LABEL}={MANAGER}"
"""Selects our EndpointSlices, which have the labels of their Service."""


class ClusterSource:
    """The newest catalog and keys. Nothing here is valid before the first call of `changed`.

    `keys` is None if no key is required; if it is empty, nobody may come in. `load_key` is the
    bearer token for /load (desired/secret.py), None until it is known. `peers` are the names of all
    gateways, this one included, if there may be several.
    """

    def __init__(self, settings: GatewaySettings, connection: ClusterAccess) -> None:
        self._settings = settings
        self._connection = connection
        self._deployments = Deployments()
        self._addresses = Addresses()
        self._informers: list[Informer] = []
        self._versions: dict[str, str | None] = {}
        self._root = b""
        self._told: object = None
        self._changed: Callable[[], None] = lambda: None
        self.catalog = Catalog()
        self.keys: Keys | None = Keys() if settings.keys_secret else None
        self.load_key: str | None = None
        self.peers: tuple[str, ...] = ()
        self.peers_key = b""

    async def follow(self, changed: Callable[[], None]) -> None:
        """Calls `changed` once everything is known and after each change, until cancelled."""
        self._changed = changed
        agent = f"llmstack/{VERSION} ({self._settings.identity})"
        async with open_watch_session(self._connection, agent, lambda _: None) as session:
            self._informers = [
                Informer(session, self._connection.server, scope, self._look)
                for scope in _scopes(self._settings)
            ]
            async with asyncio.TaskGroup() as group:
                for informer in self._informers:
                    group.create_task(informer.run())

    def _look(self) -> None:
        if not all(informer.synced for informer in self._informers):
            return
        secrets = self._objects(SECRET)
        self._read_root(secrets)
        self._read_keys(secrets)
        if not self._root:
            return
        self.catalog = build_catalog(
            self._deployments.read(self._objects(LLM_DEPLOYMENT)),
            self._addresses.read(self._slices(peers=False)),
            self._root,
        )
        self.peers = peer_names(self._slices(peers=True), self._settings.peers_port)
        newest = (self.catalog, self.keys, self.load_key, self.peers)
        if newest != self._told:
            self._told = newest
            self._changed()

    def _read_root(self, secrets: Mapping[Place, Object]) -> None:
        name = self._settings.root_secret
        if not self._is_new(name, secrets):
            return
        secret = secrets.get((self._settings.namespace, name))
        root = read_root(secret) if secret else None
        if root:
            self._root, self.load_key, self.peers_key = root, load_key(root), peers_key(root)
        else:
            log.warning(
                "Secret %s/%s %s; %s",
                self._settings.namespace,
                name,
                "contains no valid root" if secret else "does not exist",
                "keeping the previous root" if self._root else "waiting for the operator",
            )

    def _read_keys(self, secrets: Mapping[Place, Object]) -> None:
        name = self._settings.keys_secret
        if not name or not self._is_new(name, secrets):
            return
        secret = secrets.get((self._settings.namespace, name))
        if secret is None:
            log.error(
                "Secret %s/%s does not exist: all requests are rejected until it does",
                self._settings.namespace,
                name,
            )
            self.keys = Keys(missing=True)
            return
        self.keys = keys_from_secret(secret)
        self.keys.log_faults()

    def _is_new(self, name: str, secrets: Mapping[Place, Object]) -> bool:
        """True if this Secret has changed since the last call."""
        secret = secrets.get((self._settings.namespace, name))
        version = secret["metadata"]["resourceVersion"] if secret else None
        if name in self._versions and self._versions[name] == version:
            return False
        self._versions[name] = version
        return True

    def _slices(self, *, peers: bool) -> list[Object]:
        """Returns the EndpointSlices of the gateways, or of the models' Services."""
        return [
            each
            for informer in self._informers
            if informer.scope.kind == ENDPOINT_SLICE and (informer.scope.labels != _OURS) is peers
            for each in informer.objects.values()
        ]

    def _objects(self, kind: Kind) -> dict[Place, Object]:
        found: dict[Place, Object] = {}
        for informer in self._informers:
            if informer.scope.kind == kind:
                found |= informer.objects
        return found


def _scopes(settings: GatewaySettings) -> list[Scope]:
    scopes = []
    for namespace in settings.namespaces or ("",):
        scopes.append(Scope(LLM_DEPLOYMENT, namespace))
        scopes.append(Scope(ENDPOINT_SLICE, namespace, labels=_OURS))
    if settings.peers_service:
        service = f"{SERVICE_LABEL}={settings.peers_service}"
        scopes.append(Scope(ENDPOINT_SLICE, settings.namespace, labels=service))
    for name in filter(None, (settings.root_secret, settings.keys_secret)):
        scopes.append(Scope(SECRET, settings.namespace, fields=f"metadata.name={name}"))
    return scopes
