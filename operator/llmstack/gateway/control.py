"""Which replica runs the stream that a client wants to control?

`POST /v1/chat/completions/control` names a completion by its id. A tenant controls only streams
that it reads itself: any other id gets the same answer as one that does not exist.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import orjson

from llmstack.gateway.forwarding import Forward
from llmstack.gateway.http.answer import ok
from llmstack.gateway.note import Note
from llmstack.gateway.refusals import Refused

_NOT_RUNNING = ok({"success": False, "message": "no active completion for this id"})
"""llama-server's own answer."""


def only_where_it_runs(request: Forward, running: Iterable[Note]) -> Forward:
    """Returns the request for that replica alone. Raises Refused if no own stream has the id."""
    id = orjson.loads(bytes(request.body)).get("id")
    shown = b'"id":' + orjson.dumps(id)
    replica = next((each.replica for each in _own(request, running) if _shows(each, shown)), None)
    if not id or replica is None:
        raise Refused(_NOT_RUNNING)
    others = frozenset(each.id for each in request.model.backends if each.id != replica)
    return replace(request, ask=request.ask._replace(avoid=others))


def _own(request: Forward, running: Iterable[Note]) -> Iterator[Note]:
    own = (request.note.tenant, request.note.model)
    return (each for each in running if (each.tenant, each.model) == own)


def _shows(note: Note, what: bytes) -> bool:
    return note.relay is not None and what in note.relay.opening
