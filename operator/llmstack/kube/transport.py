"""How does one call get to the API server and back?

Every call has a deadline, is counted, and, when it changes something, asks the fence first: once
before it is begun, and again when the connection stands and the request is about to be sent. A
process that was stopped in between (SIGSTOP, a frozen VM) thus cannot write with a Lease that has
expired meanwhile.
"""

import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp

from llmstack.kube.connection import Connection
from llmstack.kube.errors import TIMEOUT, UNREACHABLE, ApiError, from_answer
from llmstack.kube.session import open_client
from llmstack.secret import without_credentials

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
_READS = ("GET", "HEAD")
_UNFENCED = ("/apis/coordination.k8s.io/", "/apis/authorization.k8s.io/")
"""The Lease itself, and a question that is asked by POST: neither needs the Lease."""

Fence = Callable[[], None]
"""Raises LeaseLost when this process may not write."""
Observer = Callable[[str, str, int, float], None]
"""Told of each call: HTTP method, plural of the kind, status (0: no answer), seconds."""


class Transport:
    """A pool of connections to one API server."""

    def __init__(
        self, connection: Connection, user_agent: str, timeout: float, fence: Fence, seen: Observer
    ) -> None:
        self._timeout = timeout
        self._fence = fence
        self._seen = seen
        self._client = open_client(connection, user_agent, _trace(self._before_sending))

    async def close(self) -> None:
        await self._client.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        plural: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
    ) -> str:
        """Body of a successful answer. Raises ApiError, or LeaseLost before it writes."""
        self._before_sending(method, path)
        started, status = time.monotonic(), 0
        try:
            status, text = await self._exchanged(method, path, query, body, content_type)
        except TimeoutError as error:
            raise ApiError(0, TIMEOUT, f"{method} {path}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            words = without_credentials(str(error) or repr(error))  # of the proxy, say
            raise ApiError(0, UNREACHABLE, f"{method} {path}: {words}") from error
        finally:
            self._seen(method, plural, status, time.monotonic() - started)
        if status >= 400:
            raise from_answer(status, text)
        return text

    async def _exchanged(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Any, content_type: str
    ) -> tuple[int, str]:
        """Status and body of the answer."""
        client = self._client
        _, url, headers, sent, _ = await client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": content_type},
            body=body,
        )
        patience = aiohttp.ClientTimeout(total=self._timeout)
        answer = await client.call_api(method, url, headers, sent, _request_timeout=patience)
        async with answer.response:
            return answer.status, (await answer.read()).decode("utf-8", "replace")

    def _before_sending(self, method: str, path: str) -> None:
        if method not in _READS and not any(group in path for group in _UNFENCED):
            self._fence()


def _trace(before_sending: Callable[[str, str], None]) -> aiohttp.TraceConfig:
    """Calls back when a request has got its connection, new or reused, and goes out next."""

    async def started(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        request: aiohttp.TraceRequestStartParams,
    ) -> None:
        context.method, context.path = request.method, request.url.path

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
        before_sending(context.method, context.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
