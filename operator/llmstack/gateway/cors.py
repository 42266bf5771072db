"""May a web page from another origin read the response?

Off unless the administrator names origins: an API key in a web page is everybody's key.
"""

from collections.abc import Collection

from llmstack.gateway.http.answer import Answer, Headers

ANY = "*"
_EXPOSED = (
    b"X-Request-Id, Retry-After, X-Llmstack-Replica, X-Llmstack-Queued-Ms, X-Llmstack-Prefix-Hit, "
    b"X-Llmstack-Dropped-Fields"
)
_PREFLIGHT: Headers = (
    (b"Access-Control-Allow-Methods", b"GET, HEAD, POST, OPTIONS"),
    (b"Access-Control-Max-Age", b"7200"),
)
_ALLOWED = b"Authorization, Content-Type, X-Api-Key, X-Request-Id"


def headers(origins: Collection[str], origin: bytes) -> Headers:
    """Returns the headers for a page of this origin; empty if it may not read the response."""
    if not origin or not origins:
        return ()
    if ANY in origins:
        return ((b"Access-Control-Allow-Origin", b"*"), _exposed())
    # Caches must not serve one origin the response for another.
    vary = (b"Vary", b"Origin")
    if origin.decode("latin-1") not in origins:
        return (vary,)
    return ((b"Access-Control-Allow-Origin", origin), vary, _exposed())


def preflight(asked: bytes) -> Answer:
    """Returns the answer to OPTIONS. `asked` is Access-Control-Request-Headers.

    Official clients send headers of their own, so whatever is asked for is allowed: the origin is
    what decides, and `headers` adds it.
    """
    allowed = (b"Access-Control-Allow-Headers", asked or _ALLOWED)
    return Answer(204, b"", (*_PREFLIGHT, allowed))


def _exposed() -> tuple[bytes, bytes]:
    return (b"Access-Control-Expose-Headers", _EXPOSED)
