"""What is to be sent, to which model, and for how many slots?"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count

from llmstack.engines.llamacpp.policy import Policy
from llmstack.engines.llamacpp.rewrite import moved
from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.fit import Measurement, fit, measurement, measurement_of_file
from llmstack.gateway.forms import with_file
from llmstack.gateway.http.body import Received
from llmstack.gateway.http.client import Client
from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.http.limits import Limits
from llmstack.gateway.names import check_mode, resolve
from llmstack.gateway.note import Note
from llmstack.gateway.paths import route
from llmstack.gateway.peek import inputs, most, peek
from llmstack.gateway.whose import cache_owner
from llmstack.routing.affinity import BLOCK, TAIL, blocks
from llmstack.routing.messages import WHOLE, Ask
from llmstack.routing.suspects import OneAtATime, Suspect
from llmstack.scan.outline import Span

_ids = count(1)
_AT_ONCE = 256 * 1024
"""Bytes of a prompt that are hashed within a millisecond or two; more would hold up others."""

_BLOCKS_FROM = BLOCK + TAIL
"""Bytes of a body; the prompt of a shorter one has no block, unless something precedes it."""


@dataclass(slots=True)
class Forward:
    """A request that is on its way to a replica. `cache`: who owns its prompt's (whose.py).

    `opening`: what of a form comes before `body`, which is its file and what ends it; b"" of JSON.
    `text`: bytes of what came but for pictures and sounds, for `prompts` prompts; 0 where nothing
    is computed.
    `measure`: what is to be looked at before it goes on, of pictures and sounds.
    `array`: its inputs, where they can be served in parts (bulk.py), and `most` of their ranks are
    wanted, None for all. `hash_prompt` gives the ask's blocks where they are missing still; for a
    thread to call.
    `suspect` is what it is where a replica dies; `trial`: it is one of several. `line`: where it
    waits for its turn, or has it (deaths.py).
    """

    client: Client
    note: Note
    path: str
    body: bytes | bytearray
    model: Model
    ask: Ask
    ours: bytes
    streams: bool
    cache: str
    hash_prompt: Callable[[], tuple[int, ...]] | None
    opening: bytes = b""
    measure: Measurement | None = None
    text: int = 0
    prompts: int = 1
    suspect: Suspect = field(init=False)
    array: Span | None = None
    most: int | None = None
    trial: bool = False
    line: tuple[Hashable, OneAtATime] | None = None


def forward_of(  # noqa: PLR0913 - all that a request is made of
    catalog: Catalog,
    client: Client,
    head: RequestHead,
    note: Note,
    body: Received,
    ours: bytes,
    *,
    limits: Limits,
    secret: bytes = b"",
) -> Forward:
    """The request as it goes on; the note learns what it turned out to be. Raises Refused.

    `secret` keys the hashes of its prompt, where other gateways hear of them.
    """
    leads_to = route(head.path)
    endpoint = leads_to.endpoint
    assert endpoint is not None
    wanted = peek(endpoint, body.data, body.outline)
    note.stream = wanted.stream
    model = resolve(catalog, head.host, leads_to.model or wanted.model)
    note.model = model.id
    check_mode(endpoint, model)
    streams = wanted.stream and endpoint.streams
    cache = cache_owner(model, note.tenant)
    policy = _policy(limits.drop_unknown, model.media_hosts)
    fitted = fit(endpoint.path, body.data, body.outline, policy)
    chain: Callable[[], tuple[int, ...]] = tuple
    small = True
    if len(body.data) >= _BLOCKS_FROM or wanted.has_setting:
        parts = (*wanted.setting, wanted.prompt)
        small = sum(map(len, parts)) <= _AT_ONCE
        chain = _chain(note, parts, cache, secret)
    ask = Ask(
        id=next(_ids),
        model=note.model,
        tenant=note.tenant,
        slots=wanted.slots,
        blocks=chain() if small else (),
        arrived=note.arrived,
        divisible=wanted.several,
    )
    request = Forward(
        client=client,
        note=note,
        path=endpoint.path,
        body=fitted.body,
        model=model,
        ask=ask,
        ours=ours + fitted.dropped,
        streams=streams,
        cache=cache,
        hash_prompt=None if small else chain,
    )
    if endpoint.slots:
        held = sum(each.end - each.start for each in fitted.contents)
        request.text, request.prompts = len(body.data) - held, wanted.entries
    request.measure = measurement(body.data, fitted.contents, limits.media)
    if endpoint.form:
        request.measure = measurement_of_file(body.file or b"", limits.media)
        request.opening, request.body = with_file(fitted.body, body.file)
    array = inputs(endpoint, body.outline) if wanted.slots == WHOLE else None
    if array is not None:
        request.array = moved(body.data, body.outline, fitted.edits, array.name)
        request.most = most(body.data, body.outline)
    return request


@lru_cache(256)
def _policy(drop_unknown: bool, hosts: frozenset[str]) -> Policy:
    return Policy(drop_unknown, hosts)


def next_id() -> int:
    """A number that no other Ask has."""
    return next(_ids)


def _chain(
    note: Note, parts: tuple[memoryview, ...], cache: str, secret: bytes
) -> Callable[[], tuple[int, ...]]:
    """The key keeps prefixes apart that no server shares: of models and owners."""
    if not parts[-1]:
        return tuple
    key = b"\0".join((secret, note.model.encode(), cache.encode()))
    return partial(blocks, key, *parts)
