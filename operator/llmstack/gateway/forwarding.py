"""What is sent, to which model, and for how many slots?"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count

from llmstack.engines.llamacpp.measured import Most
from llmstack.engines.llamacpp.policy import Policy
from llmstack.engines.llamacpp.rewrite import moved
from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.fit import Measurement, fit, measurement, measurement_of_file
from llmstack.gateway.forms import with_file
from llmstack.gateway.http.body import Received
from llmstack.gateway.http.client import Client
from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.names import check_mode, resolve
from llmstack.gateway.note import Note
from llmstack.gateway.paths import route
from llmstack.gateway.peek import inputs, most, peek
from llmstack.gateway.whose import cache_owner
from llmstack.routing.affinity import BLOCK, TAIL, blocks
from llmstack.routing.messages import WHOLE, Ask
from llmstack.routing.suspects import OneAtATime, Suspect
from llmstack.scan.outline import Span
from llmstack.settings.limits import Limits

_ids = count(1)
_AT_ONCE = 256 * 1024
"""Bytes of a prompt that are hashed at once, in a millisecond or two; a thread hashes longer
ones."""

_BLOCKS_FROM = BLOCK + TAIL
"""Bytes of a body from which its prompt has a block, if nothing precedes the prompt."""


@dataclass(slots=True)
class Forward:
    """A request on its way to a replica.

    body, opening    what is sent; of a form, `body` is its file and what follows, `opening` what
                     precedes it; b"" for JSON
    cache            the owner of the prompt's cache (whose.py)
    text, prompts    bytes of the body except pictures and sounds, and the number of prompts in it;
                     `text` is 0 if nothing is computed
    measure          check of pictures and sounds that must run first, or None
    array, most      inputs that can be served in parts (bulk.py), or None, and the number of ranks
                     that are wanted, or None for all
    hash_prompt      returns the ask's blocks where they are not computed yet; for a thread to call
    suspect, trial   its part in deaths of replicas; `trial` is True if it must be tried alone
    line             the line in which it waits for its turn or has it (deaths.py), or None
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
    """Builds the request that goes on, and fills the note with what is known. Raises Refused.

    `secret` keys the hashes of its prompt if other gateways learn of them.
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
    media = Most(limits.image_pixels, limits.audio_seconds)
    request.measure = measurement(body.data, fitted.contents, media)
    if endpoint.form:
        request.measure = measurement_of_file(body.file or b"", media)
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
    """Returns an id that no other Ask has."""
    return next(_ids)


def _chain(
    note: Note, parts: tuple[memoryview, ...], cache: str, secret: bytes
) -> Callable[[], tuple[int, ...]]:
    """Returns the hashing of a prompt, keyed so that models and cache owners never share blocks."""
    if not parts[-1]:
        return tuple
    key = b"\0".join((secret, note.model.encode(), cache.encode()))
    return partial(blocks, key, *parts)
