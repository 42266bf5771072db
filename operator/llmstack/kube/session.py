"""What does every request to the API server carry, and who may send which?

Two ways lead there, both with the same credentials and TLS (connection.py): the package's client,
for calls (transport.py), and a session for watches, which refuses everything that could write.
"""

from collections.abc import Callable
from typing import Any

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from yarl import URL

from llmstack.errors import ConfigurationError
from llmstack.kube.cluster_access import ClusterAccess, NoCredentials

_READS = frozenset({"GET", "HEAD"})
_UNAUTHORIZED = 401

WatchSeen = Callable[[str], None]
"""Told when a watch begins: the path of its collection."""


class Credentials:
    """Adds what says who we are; asks the plug-in once more where the API server says 401."""

    def __init__(self, connection: ClusterAccess) -> None:
        self._connection = connection
        self._origin = URL(connection.server).origin()

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() != self._origin:
            return await handler(request)  # where a redirect leads is no business of the token
        plugin = self._connection.plugin
        await self._add(request)
        used = plugin.known if plugin else None
        answer = await handler(request)
        if plugin is None or answer.status != _UNAUTHORIZED:
            return answer
        answer.release()
        try:
            await plugin.credential(refused=used)
        except ConfigurationError as error:
            raise NoCredentials(str(error)) from None
        await self._add(request)
        return await handler(request)

    async def _add(self, request: aiohttp.ClientRequest) -> None:
        connection = self._connection
        request.server_hostname = connection.configuration.tls_server_name
        authorization = await connection.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        if connection.plugin and connection.plugin.certifies:
            # A connection keeps the certificate that it began with, and plug-ins give short ones.
            request.headers["Connection"] = "close"


def open_client(
    connection: ClusterAccess, user_agent: str, trace: aiohttp.TraceConfig, limit: int = 32
) -> ApiClient:
    """The package's client, with a pool of up to `limit` connections."""
    configuration = Configuration(
        host=connection.server,
        connection_pool_maxsize=limit,
        proxy=connection.proxy,
        trace_configs=[trace],
        client_session_kwargs=_session(connection, user_agent),
    )
    client = ApiClient(configuration)
    client.rest_client.ssl_context = connection.tls
    client.user_agent = user_agent
    return client


def open_watch_session(
    connection: ClusterAccess,
    user_agent: str,
    seen: WatchSeen,
    listed: WatchSeen = lambda _: None,
) -> aiohttp.ClientSession:
    """For a library that watches: whatever it may try, it changes nothing in the cluster.

    `listed` is told of a list as `seen` is of a watch.
    """

    async def only_reads(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.method not in _READS:
            raise RuntimeError(f"a watch may not send {request.method} {request.url.path}")
        answer = await handler(request)
        if answer.status == 200:
            watches = request.url.query.get("watch") == "true"
            (seen if watches else listed)(request.url.path)
        return answer

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=connection.tls, limit=0),
        proxy=connection.proxy,
        **_session(connection, user_agent, only_reads),
    )


def _session(
    connection: ClusterAccess, user_agent: str, *middlewares: aiohttp.ClientMiddlewareType
) -> dict[str, Any]:
    """What every session gets. The environment's proxies are none of its business."""
    own = (("User-Agent", user_agent), ("Accept", "application/json"))
    return {
        "headers": [*own, *connection.headers],
        "middlewares": (Credentials(connection), *middlewares),
        "trust_env": False,
    }
