"""How does a process answer probes and Prometheus? On a port of its own, never on the clients'.

/healthz   200 while a restart would not help, else 503 and why
/readyz    200 while the process is useful, else 503 and why not
/metrics   metrics for Prometheus
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

CONTENT_TYPE = "text/plain"
"""Content type of /metrics: Prometheus's text format, in the version that it assumes."""

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Probes:
    """The answers. `unwell` and `unready` return why, "" if there is nothing wrong.

    `ready` returns the text for a process that is ready. `pages` are further paths.
    """

    unready: Callable[[], str]
    metrics: Callable[[], bytes]
    unwell: Callable[[], str] = str
    ready: Callable[[], str] = lambda: "ok"
    pages: Mapping[str, Page] = field(default_factory=dict)


async def serve(
    probes: Probes, host: str | None, port: int, shutdown_timeout: float = 60.0
) -> web.AppRunner:
    """Starts answering; `host` None means all addresses. The caller must clean the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        why = probes.unwell()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def readyz(_: web.Request) -> web.Response:
        why = probes.unready()
        return web.Response(text=why or probes.ready(), status=503 if why else 200)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=probes.metrics(), content_type=CONTENT_TYPE, charset="utf-8")

    app = web.Application()
    for path, page in {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": numbers,
        **probes.pages,
    }.items():
        app.router.add_get(path, page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_timeout)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
