"""How does a request avoid the cache of a server that cannot keep tenants apart?

A llama-server without our patch ignores salts. If tenants do not share a cache, each request to it
asks for nothing cached to be used. Its own prompt is then computed from the beginning, too.
"""

import asyncio
from typing import Final

from llmstack.api.engine import Mode
from llmstack.engines.llamacpp.rewrite import rewrite
from llmstack.gateway.http.answer import INVALID, Answer, error
from llmstack.gateway.paths import find
from llmstack.gateway.refusals import Refused
from llmstack.scan.scanner import Scanner

_DEAF: Final = frozenset({"/v1/messages", "/v1/audio/transcriptions"})
"""Paths that generate but on which llama-server ignores `cache_prompt`."""
_PIECE: Final = 256 * 1024
"""Bytes scanned at once; in between, other streams continue."""


async def without_cache(path: str, body: bytes | bytearray) -> bytes | bytearray:
    """Returns the body with the cache disabled, if the path generates. Raises Refused."""
    endpoint = find("POST", path)
    if endpoint is None or not endpoint.slots or Mode.GENERATE not in endpoint.modes:
        return body
    if path in _DEAF:
        raise Refused(_not_apart(path))
    scanner = Scanner()
    for start in range(0, len(body), _PIECE):
        scanner.feed(bytes(body[start : start + _PIECE]))
        await asyncio.sleep(0)
    return rewrite(bytes(body), scanner.finish(), {"cache_prompt": b"false"})


def _not_apart(path: str) -> Answer:
    return error(
        501,
        f"This model's llama-server cannot separate the caches of tenants on {path}: use "
        "/v1/chat/completions, or ask its owner for the image of llm-stack or for "
        "`cacheSharing: Deployment`.",
        kind=INVALID,
        code="caches_not_apart",
    )
