"""Which requests need no replica?"""

from llmstack.gateway import cors, front_page
from llmstack.gateway.app import App
from llmstack.gateway.endpoints import UNSERVED, paths
from llmstack.gateway.http.answer import Answer, ok
from llmstack.gateway.http.compressed import CODINGS
from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.paths import HEALTH, MODEL, MODELS, ROOT, route
from llmstack.gateway.refusals import no_form, not_serving, unknown_coding, unknown_path, unserved

_READS = ("GET", "HEAD")


def without_key(app: App, head: RequestHead) -> Answer | None:
    """Answers what needs no key: CORS preflights and the health check. None for the rest.

    Load balancers and clients check health before they have a key; the answer says nothing about
    models.
    """
    if head.method == "POST":
        return None
    if head.method == "OPTIONS":
        return cors.preflight((head.get(b"access-control-request-headers") or "").encode("latin-1"))
    path = route(head.path).path
    if head.method not in _READS or path not in (HEALTH, ROOT):
        return None
    why_not = app.why_not_serving()
    if why_not:
        return not_serving(why_not)
    if path == ROOT and front_page.is_wanted(head.get(b"accept") or ""):
        return front_page.PAGE
    return ok({"status": "ok"})


def tenant(app: App, head: RequestHead) -> str | None:
    """Returns the tenant of a request, or None if its key is unknown."""
    return app.tenant(*head.credentials)


def without_replica(app: App, head: RequestHead) -> Answer | None:
    """Answers an authenticated request that needs no replica. None for the rest."""
    leads_to = route(head.path)
    if head.method in _READS and leads_to.path in (MODELS, MODEL):
        return app.models(leads_to.model)
    if leads_to.path in UNSERVED and head.method == "POST":
        return unserved(leads_to.path, UNSERVED[leads_to.path])
    if leads_to.endpoint is None or head.method != "POST":
        return unknown_path(head.method, paths())
    if leads_to.endpoint.form and (head.boundary is None or head.coding):
        return no_form()
    if head.coding and head.coding not in CODINGS:
        return unknown_coding()
    return None
