"""How does a process serve the metrics API, leading or standing by?

    Secret, ConfigMap ── read every so many seconds ──> TLS contexts, front proxy
    request ─> who asks? ─ 401 ─> may they? ─ 403 ─> answer.py

It listens as soon as both are there.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable

from aiohttp import web

from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import CONFIG_MAP, SECRET
from llmstack.metricsapi import front_proxy
from llmstack.metricsapi.access import Access
from llmstack.metricsapi.answer import View, answer, question
from llmstack.metricsapi.certificate import Material
from llmstack.metricsapi.documents import ApiAnswer, failure
from llmstack.metricsapi.front_proxy import FrontProxy, identify, read_front_proxy
from llmstack.metricsapi.objects import read_secret
from llmstack.metricsapi.tls import Contexts
from llmstack.settings.metrics_api import MetricsSettings

log = logging.getLogger(__name__)

_FIRST_SECONDS = 1.0
"""Until there is a certificate, it is looked for so often."""


class MetricsServer:
    """One process's end of the API. `answered` is told the status of each answer."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        settings: MetricsSettings,
        view: Callable[[], View | None],
        clock: Callable[[], float],
        answered: Callable[[int], None],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._settings = settings
        self._view = view
        self._answered = answered
        self._access = Access(client, clock)
        self._contexts = Contexts()
        self._proxy: FrontProxy | None = None
        self._material: Material | None = None
        self._listening = False
        self._waiting_for = ""

    def why_not(self) -> str:
        """Return what the server waits for before it can serve, or "" if it serves."""
        return "" if self._listening else self._waiting_for or "its certificate"

    async def run(self) -> None:
        """Serves until cancelled."""
        while not await self._refresh():  # noqa: ASYNC110 - the API server has the answer
            await asyncio.sleep(_FIRST_SECONDS)
        runner = await self._listen()
        try:
            while True:
                await asyncio.sleep(self._settings.check_seconds)
                await self._refresh()
        finally:
            await runner.cleanup()

    async def _listen(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, None, self._settings.port, ssl_context=self._contexts.outer)
        await site.start()
        self._listening = True
        log.info("serving metrics on port %d", self._settings.port)
        return runner

    async def _refresh(self) -> bool:
        """Takes what is new. Is there all that it takes to serve?"""
        try:
            secret, config_map = await asyncio.gather(
                self._client.get(SECRET, self._namespace, self._settings.secret),
                self._client.get(CONFIG_MAP, front_proxy.NAMESPACE, front_proxy.NAME),
            )
        except ApiError as error:
            self._wait_for(f"the API server: {error}")
            return False
        material, proxy = read_secret(secret), read_front_proxy(config_map)
        if material is None:
            self._wait_for(f"a certificate in the Secret {self._settings.secret}")
        elif proxy is None:
            self._wait_for(f"an authority in the ConfigMap {front_proxy.NAME}: no aggregation")
        elif (material, proxy) != (self._material, self._proxy):
            return self._take(material, proxy)
        else:
            self._waiting_for = ""
        return self._material is not None

    def _take(self, material: Material, proxy: FrontProxy) -> bool:
        try:
            self._contexts.renew(material, proxy.authority)
        except ssl.SSLError as error:
            self._wait_for(f"a certificate that can be used: {error}")
            return False
        log.info("loaded a new certificate for the metrics API")
        self._material, self._proxy, self._waiting_for = material, proxy, ""
        return True

    def _wait_for(self, what: str) -> None:
        if what != self._waiting_for:
            log.warning("the metrics API is waiting for %s", what)
            self._waiting_for = what

    async def _handle(self, request: web.Request) -> web.Response:
        result = await self._answer(request)
        self._answered(result.status)
        return web.json_response(result.body, status=result.status)

    async def _answer(self, request: web.Request) -> ApiAnswer:
        assert self._proxy is not None
        peer = request.get_extra_info("peercert")
        user = identify(self._proxy, peer, request.headers.items())
        if isinstance(user, str):
            return failure(401, user)
        if request.method != "GET":
            return failure(405, f"{request.method} is not possible: metrics can only be read")
        try:
            refusal = await self._access.refusal(user, request.path)
        except ApiError as error:
            # What is served is no secret, the API server has judged this user once already, and
            # without these answers it could delete no namespace.
            if question(request.path) is None:
                return answer(request.path, request.query, None)
            return failure(503, f"the API server does not say who may read metrics: {error}")
        if refusal:
            return failure(403, refusal)
        return answer(request.path, request.query, self._view())
