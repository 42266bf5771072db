"""Which requests need no replica?"""

from urllib.parse import unquote

from llmstack.gateway import cors
from llmstack.gateway.app import App
from llmstack.gateway.endpoints import MODELS, find, paths
from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.refusals import Answer, bad_request, unknown_path


def preflight(head: RequestHead) -> Answer | None:
    """A browser's question before a request; it comes without a key."""
    if head.method != "OPTIONS":
        return None
    return cors.preflight((head.get(b"access-control-request-headers") or "").encode("latin-1"))


def tenant(app: App, head: RequestHead) -> str | None:
    """Whose request is it? None: nobody's."""
    return app.tenant(head.get(b"authorization"), head.get(b"x-api-key"))


def without_replica(app: App, head: RequestHead) -> Answer | None:
    """What a request that is let in gets from the gateway itself."""
    if head.method in ("GET", "HEAD") and head.path.startswith(MODELS):
        name = head.path.removeprefix(MODELS)
        if not name or name.startswith("/"):
            return app.models(unquote(name[1:]))
    if find(head.method, head.path) is None:
        return unknown_path(head.method, paths())
    if (head.get(b"content-encoding") or "identity").lower() != "identity":
        return bad_request("Compressed bodies are not read: send it without Content-Encoding.")
    return None
