"""Where does a client's path lead? Clients spell the same endpoint in many ways.

    /v1/chat/completions, /chat/completions     llama-server's own names
    //v1/chat/completions, /v1/v1/…, …/         a base URL that ends with what the client adds
    /openai/v1/…, /openai/deployments/NAME/…    Azure's paths; NAME is the model

A path spelled as in the table costs one lookup; the results for other spellings are cached.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from llmstack.gateway.endpoints import BY_PATH, UNSERVED, Endpoint

MODELS = "/v1/models"
MODEL = "/v1/models/{name}"
HEALTH = "/health"
ROOT = "/"
NOWHERE = "other"

_LONGEST = 2048
"""Characters; a longer path leads nowhere."""
_SLASHES = re.compile("/{2,}")
_AZURE = re.compile(r"/openai/deployments/(.+?)/((?:chat/|audio/)?[a-z_]+)")
_ONE_MODEL = re.compile(r"(?:/v1)?/models/(.+)")


class Route(NamedTuple):
    """Where a path leads.

    `path` is the gateway's own spelling, and all that a log may show: a misconfigured client may
    put its key into the path. `endpoint` is None for paths that the gateway answers itself, and for
    unknown ones. `model` is the one that the path names, "" if it names none.
    """

    path: str
    endpoint: Endpoint | None = None
    model: str = ""


def route(path: str) -> Route:
    """Returns where this path leads."""
    known = _ROUTES.get(path)
    if known is not None:
        return known
    return _spelt_otherwise(path) if len(path) <= _LONGEST else _NOWHERE


def find(method: str, path: str) -> Endpoint | None:
    """Returns the endpoint that the request is forwarded to, or None."""
    return route(path).endpoint if method == "POST" else None


def takes_form(path: str) -> bool:
    """True if the path takes a form."""
    endpoint = route(path).endpoint
    return endpoint is not None and endpoint.form


def _table() -> dict[str, Route]:
    routes = {
        path: Route(path, endpoint)
        for endpoint in BY_PATH.values()
        for path in (endpoint.path, *endpoint.also)
    }
    own = {MODELS: MODELS, "/models": MODELS, HEALTH: HEALTH, "/v1/health": HEALTH, ROOT: ROOT}
    own |= {spelt: path for path in UNSERVED for spelt in (path, path.removeprefix("/v1"))}
    return routes | {path: Route(ours) for path, ours in own.items()}


_ROUTES = _table()
_NOWHERE = Route(NOWHERE)


@lru_cache(256)
def _spelt_otherwise(path: str) -> Route:
    path = _SLASHES.sub("/", path).rstrip("/") or ROOT
    azure = _AZURE.fullmatch(path)
    if azure is not None:
        found = _ROUTES.get(f"/v1/{azure[2]}", _NOWHERE)
        if found.path in UNSERVED:
            return found
        return found._replace(model=unquote(azure[1])) if found.endpoint is not None else _NOWHERE
    path = _with_one_version(path)
    one = _ONE_MODEL.fullmatch(path)
    if one is not None:
        return Route(MODEL, model=unquote(one[1]))
    return _ROUTES.get(unquote(path), _NOWHERE)


def _with_one_version(path: str) -> str:
    """Returns the path without Azure's prefix and with /v1 at most once."""
    if path.startswith("/openai/"):
        rest = path.removeprefix("/openai")
        path = rest if rest.startswith("/v1/") else f"/v1{rest}"
    while path.startswith("/v1/v1/"):
        path = path.removeprefix("/v1")
    return path
