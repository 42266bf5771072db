"""Who makes the serving certificate and the APIServices, and keeps them right? The leader, here.

    no certificate        ─> Secret; once this process serves with it, APIServices that believe it
    a new one is due      ─> APIServices believe both; at the next look the Secret, which all read
    APIService gone, bent ─> made again, put right
    somebody else's       ─> left alone; ours go, and `trouble` says who owns it

Whatever is done is decided in objects.py and certificate.py; here it is carried out, again every
so many seconds, for nothing tells of a change.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import API_SERVICE, CLUSTER_ROLE, SECRET
from llmstack.metricsapi.certificate import Material, due, usable
from llmstack.metricsapi.documents import VERSIONS
from llmstack.metricsapi.objects import (
    Object,
    Place,
    api_service_name,
    build_secret,
    is_ours,
    plan,
    read_secret,
)
from llmstack.settings.metrics_api import MetricsSettings

log = logging.getLogger(__name__)

_SOON_SECONDS = 1.0
"""Until this process serves, it looks so often."""


class Keeper:
    """Keeps one installation's certificate and APIServices. `wall` is in seconds since 1970.

    `why_not` tells for what this process waits before it can serve: until then it makes no
    APIService, for the API server asks at once, and one that nobody answers for holds up others.
    `changed` is called whenever `trouble` is another one than before.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        settings: MetricsSettings,
        wall: Callable[[], float],
        why_not: Callable[[], str],
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._settings = settings
        self._place = Place(namespace, settings.service)
        self._wall = wall
        self._why_not = why_not
        self._changed = changed
        self._trouble = "the metrics API was not looked at yet"
        self._next: Material | None = None  # believed already, and not served yet

    def trouble(self) -> str:
        """Return why the metrics cannot be read, or "" if they can."""
        return self._trouble

    async def run(self) -> None:
        """Keeps them for ever."""
        while True:
            await self.look()
            usual = self._settings.check_seconds
            await asyncio.sleep(min(_SOON_SECONDS, usual) if self._why_not() else usual)

    async def look(self) -> None:
        """One look, and what it asks for."""
        before = self._trouble
        try:
            self._trouble = await self._keep()
        except ApiError as error:
            if error.conflict:
                return  # somebody else writes too: the next look sees what
            log.warning("cannot maintain the metrics API: %s", error)
            if error.refused:
                self._trouble = f"the metrics API cannot be set up: {error}"
        if self._trouble != before:
            if self._trouble:
                log.warning("%s", self._trouble)
            await self._changed()

    async def retire(self) -> None:
        """Deletes the APIServices that lead to this installation."""
        for version in VERSIONS:
            name = api_service_name(version)
            live = await self._client.get(API_SERVICE, None, name)
            if live is not None and is_ours(live, self._place):
                await self._client.delete(API_SERVICE, "", name, live["metadata"]["uid"])
                log.info("deleted the APIService %s, because no other operator serves it", name)

    async def _keep(self) -> str:
        name, namespace = self._settings.secret, self._place.namespace
        live, owner = await asyncio.gather(
            self._client.get(SECRET, namespace, name),
            self._client.get(CLUSTER_ROLE, None, self._settings.owner),
        )
        if owner is None:
            return f"the ClusterRole {self._settings.owner} is gone, which owns the APIServices"
        material, now = read_secret(live), self._wall()
        if material and not due(material, now):
            return await self._api_services(owner, material.authorities)
        if usable(material, now) and self._next is None:
            self._next = self._issue(material)
            return await self._api_services(owner, self._next.authorities)
        new, self._next = self._next or self._issue(material), None
        await self._write(build_secret(self._place, name, new, live), live)
        log.info("created a certificate for %s", self._place.hosts[0])
        return await self._api_services(owner, new.authorities)

    def _issue(self, before: Material | None) -> Material:
        # Costs memory: see there.
        from llmstack.metricsapi.issue import issue  # noqa: PLC0415

        return issue(self._place.hosts, self._settings.certificate_seconds, self._wall(), before)

    async def _write(self, body: Object, live: Object | None) -> None:
        await (self._client.replace(body) if live else self._client.create(body))

    async def _api_services(self, owner: Object, authorities: str) -> str:
        names = [api_service_name(version) for version in VERSIONS]
        found = await asyncio.gather(*(self._client.get(API_SERVICE, None, name) for name in names))
        planned = plan(dict(zip(VERSIONS, found, strict=True)), self._place, owner, authorities)
        if planned.create and (waiting := self._why_not()):
            return f"the metrics API is not served yet: it waits for {waiting}"
        for body in planned.delete:
            metadata = body["metadata"]
            await self._client.delete(API_SERVICE, "", metadata["name"], metadata["uid"])
        for body in planned.create:
            await self._client.create(body)
            log.info("created the APIService %s", body["metadata"]["name"])
        for body in planned.replace:
            await self._client.replace(body)
        return planned.trouble
