"""Where may a replica fetch an image, a sound or a video from? Nowhere, unless a host is listed.

llama-server reads a URL from these places, and takes anything that begins with "http" for one to
fetch, in `data` of a sound or video, too:

    image_url.url   image_url (/v1/responses)   input_audio.data|url   input_video.data|url
    video_url.data|url   source.url (/v1/messages)

What a tool was called with (`input`, `arguments`) is text to it, whatever it holds.
"""

import re
from collections.abc import Iterator

from llmstack.engines.llamacpp.checks import value_of
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind, Outline, Span

_HOLDERS = frozenset({"image_url", "input_audio", "input_video", "video_url", "source"})
_LINKS = frozenset({"url", "data"})
_TEXT = frozenset({"input", "arguments"})
WATCHED = _HOLDERS | _LINKS | _TEXT
"""Names that an outline must hold in `nested` for a judgement."""

_LONGEST_URL = 4096
_BEGINNING = 16
# A host, a port, a path: no user, no backslash, nothing that two parsers might read differently.
_URL = re.compile(r"(https?)://([a-z0-9.-]+)(:[0-9]{1,5})?(?:/[!$-;=?A-Z_a-z~%]*)?\Z")


def check_media(body: bytes, outline: Outline, hosts: frozenset[str]) -> None:
    """Raises Unfit if a replica would fetch from elsewhere than `hosts` ("host" or "host:port")."""
    for span in _links(outline.nested):
        beginning = body[span.start + 1 : span.start + 1 + _BEGINNING]
        if beginning.startswith(b"data:") or _is_base64(beginning):
            continue
        _check_url(body, span, hosts)


def _links(nested: tuple[Span, ...]) -> Iterator[Span]:
    """The strings that may be links. `nested` is in the order of the keys."""
    holds = text = 0
    for span in nested:
        if span.key < text:
            continue
        if span.name in _TEXT:
            text = span.end
        elif span.name in _HOLDERS:
            holds = max(holds, span.end)
            if span.kind is Kind.STRING and span.name != "source":
                yield span
        elif span.key < holds and span.kind is Kind.STRING:
            yield span


def _is_base64(beginning: bytes) -> bool:
    """Whether the server takes it for base64 ("http" is base64 as well, but it fetches that)."""
    text = beginning.partition(b'"')[0]
    return not text.startswith(b"http") and not text.strip(_BASE64)


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def _check_url(body: bytes, span: Span, hosts: frozenset[str]) -> None:
    size = span.end - span.start
    url = value_of(body, span) if size <= _LONGEST_URL else ""
    found = _URL.match(url)
    if found and found[2] + (found[3] or "") in hosts:
        return
    allowed = ", ".join(sorted(hosts)) or "nowhere (spec.engine.mediaHosts)"
    raise Unfit(
        f"'{span.name}' holds {str(url)[:80]!r}: send the content as a data: URL. Replicas of this "
        f"model may fetch from: {allowed}.",
        span.name,
    )
