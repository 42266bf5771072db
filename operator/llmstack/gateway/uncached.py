"""How does a request reuse nothing at a server that cannot keep tenants apart?

A llama-server without our patch heeds no salt. Where tenants do not share a cache, each request to
it says that nothing of what is cached may be used for it. Its own prompt is computed from the
beginning then, too.
"""

import asyncio
from typing import Final

from llmstack.api.engine import Mode
from llmstack.engines.llamacpp.rewrite import rewrite
from llmstack.gateway.paths import find
from llmstack.gateway.refusals import INVALID, Answer, Refused, error
from llmstack.scan.scanner import Scanner

_DEAF: Final = frozenset({"/v1/messages", "/v1/audio/transcriptions"})
"""llama-server reads `cache_prompt` on all other paths that generate."""
_PIECE: Final = 256 * 1024
"""Bytes that are read at once; other streams move in between."""


async def without_cache(path: str, body: bytes | bytearray) -> bytes | bytearray:
    """The body that asks for it, at a path that generates; else the same. Raises Refused."""
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
