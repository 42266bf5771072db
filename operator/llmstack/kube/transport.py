"""How does one call get to the API server and back?

Every call has a deadline, is counted, and, when it changes something, asks the fence first: once
before it is begun, and again when the connection stands and the request is about to be sent. A
process that was stopped in between (SIGSTOP, a frozen VM) thus cannot write with a Lease that has
expired meanwhile.
"""

import json
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp

from llmstack.kube.connection import Connection
from llmstack.kube.errors import TIMEOUT, UNREACHABLE, ApiError, from_answer
from llmstack.kube.session import open_session

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
_READS = ("GET", "HEAD")
_UNFENCED = ("leases", "subjectaccessreviews")
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
        self._server = connection.server
        self._timeout = timeout
        self._fence = fence
        self._seen = seen
        self._session = open_session(connection, user_agent, traces=[_trace(self._before_sending)])

    async def close(self) -> None:
        await self._session.close()

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
        fenced = method not in _READS and plural not in _UNFENCED
        if fenced:
            self._fence()
        request = {
            "params": dict(query or {}),
            "data": None if body is None else json.dumps(body, separators=(",", ":")),
            "headers": {"Content-Type": content_type},
            "trace_request_ctx": fenced,
        }
        status, text = await self._exchanged(method, path, plural, request)
        if status >= 400:
            raise from_answer(status, text)
        return text

    async def _exchanged(
        self, method: str, path: str, plural: str, request: dict[str, Any]
    ) -> tuple[int, str]:
        """Status and body of the answer. Raises ApiError if there is none."""
        started, status = time.monotonic(), 0
        try:
            async with self._session.request(
                method,
                self._server + path,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                **request,
            ) as answer:
                status = answer.status
                return status, await answer.text()
        except TimeoutError as error:
            raise ApiError(0, TIMEOUT, f"{method} {path}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(0, UNREACHABLE, f"{method} {path}: {error or repr(error)}") from error
        finally:
            self._seen(method, plural, status, time.monotonic() - started)

    def _before_sending(self, fenced: bool) -> None:
        if fenced:
            self._fence()


def _trace(before_sending: Callable[[bool], None]) -> aiohttp.TraceConfig:
    """Calls back when a request has got its connection, new or reused, and goes out next."""

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
        before_sending(bool(context.trace_request_ctx))

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
