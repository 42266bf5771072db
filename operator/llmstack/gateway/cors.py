"""May a page from elsewhere read the answer?

Off unless the administrator names origins: an API key in a page is everyone's key.
"""

from collections.abc import Collection

from llmstack.gateway.refusals import Answer, Headers

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
    """What to add to an answer for a page of this origin; nothing if it may not read it."""
    if not origin or not origins:
        return ()
    if ANY in origins:
        return ((b"Access-Control-Allow-Origin", b"*"), _exposed())
    # Caches must not show one origin the answer for another.
    vary = (b"Vary", b"Origin")
    if origin.decode("latin-1") not in origins:
        return (vary,)
    return ((b"Access-Control-Allow-Origin", origin), vary, _exposed())


def preflight(asked: bytes) -> Answer:
    """The answer to OPTIONS; `asked` is Access-Control-Request-Headers.

    Official clients send headers of their own, so those that are asked for are allowed: the origin
    is what decides, and `headers` adds it.
    """
    allowed = (b"Access-Control-Allow-Headers", asked or _ALLOWED)
    return Answer(204, b"", (*_PREFLIGHT, allowed))


def _exposed() -> tuple[bytes, bytes]:
    return (b"Access-Control-Expose-Headers", _EXPOSED)
