"""How does one call get to the API server and back?

Every call has a deadline, is counted, and, when it changes something, asks the fence first: once
before it is begun, and again when the connection stands and the request is about to be sent. A
process that was stopped in between (SIGSTOP, a frozen VM) thus cannot write with a Lease that has
expired meanwhile.

Calls take turns (pace.py), and a call that the API server puts off is sent again when it says so.
Both waits count towards the deadline, and the fence is asked after them. The Lease's calls never
wait: a Lease that is renewed too late is lost.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp

from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.errors import TIMEOUT, UNREACHABLE, ApiError, from_answer
from llmstack.kube.pace import Bucket, seconds_to_wait
from llmstack.kube.session import open_client
from llmstack.secret import without_credentials

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
_READS = ("GET", "HEAD")
_LEASES = "/apis/coordination.k8s.io/"
_UNFENCED = (_LEASES, "/apis/authorization.k8s.io/")
"""The Lease itself, and a question that is asked by POST: neither needs the Lease."""

Fence = Callable[[], None]
"""Raises LeaseLost when this process may not write."""
Observer = Callable[[str, str, int, float], None]
"""Told of each call: HTTP method, plural of the kind, status (0: no answer), seconds."""


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    plural: str
    query: Mapping[str, str]
    body: Any
    content_type: str

    @property
    def words(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str
    retry_after: str


class Transport:
    """A pool of connections to one API server. Without `pace` calls do not take turns."""

    def __init__(
        self,
        connection: ClusterAccess,
        user_agent: str,
        timeout: float,
        fence: Fence,
        seen: Observer,
        pace: Bucket | None = None,
    ) -> None:
        self._timeout = timeout
        self._fence = fence
        self._seen = seen
        self._pace = pace
        self.throttled_seconds = 0.0
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
        request = _Request(method, path, plural, query or {}, body, content_type)
        deadline = time.monotonic() + self._timeout
        paced = _LEASES not in path
        self._before_sending(method, path)
        while True:
            if paced:
                await self._turn(request, deadline)
            answer = await self._sent(request, deadline)
            if answer.status < 400:
                return answer.text
            wait = seconds_to_wait(
                answer.status, answer.retry_after, time.time(), reads=method in _READS
            )
            if wait is None or not paced or not self._hold(wait, deadline):
                raise from_answer(answer.status, answer.text, wait or 0.0)
            await self._pause(wait)

    async def _turn(self, request: _Request, deadline: float) -> None:
        """Waits until this call may go out. Raises ApiError if that is too late for it."""
        if self._pace is None:
            return
        now = time.monotonic()
        wait = self._pace.reserve(now, deadline - now)
        if wait is None:
            raise ApiError(0, TIMEOUT, f"{request.words}: too many calls wait for their turn")
        try:
            await self._pause(wait)
        except asyncio.CancelledError:
            self._pace.give_back()
            raise

    def _hold(self, wait: float, deadline: float) -> bool:
        """No call goes out for so long. False if that is too long for this one."""
        until = time.monotonic() + wait
        if self._pace:
            self._pace.hold(until)
        return until < deadline

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self.throttled_seconds += seconds
            await asyncio.sleep(seconds)

    async def _sent(self, request: _Request, deadline: float) -> _Answer:
        """The answer, whatever it says. Raises ApiError if there is none."""
        started, status = time.monotonic(), 0
        try:
            answer = await self._exchanged(request, deadline - started)
            status = answer.status
            return answer
        except TimeoutError as error:
            raise ApiError(0, TIMEOUT, f"{request.words}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            why = without_credentials(str(error) or repr(error))  # of the proxy, say
            raise ApiError(0, UNREACHABLE, f"{request.words}: {why}") from error
        finally:
            self._seen(request.method, request.plural, status, time.monotonic() - started)

    async def _exchanged(self, request: _Request, seconds: float) -> _Answer:
        client = self._client
        # Without the body, which would be copied: it is plain JSON already.
        _, url, headers, _, _ = await client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params={"Content-Type": request.content_type},
        )
        patience = aiohttp.ClientTimeout(total=max(seconds, 0.001))
        answer = await client.call_api(
            request.method, url, headers, request.body, _request_timeout=patience
        )
        async with answer.response as response:
            text = (await answer.read()).decode("utf-8", "replace")
            return _Answer(answer.status, text, response.headers.get("Retry-After", ""))

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
