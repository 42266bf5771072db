"""Where may a replica fetch an image, a sound or a video from? Nowhere, unless a host is listed.

llama-server reads a URL from these places, and takes anything that begins with "http" for one to
fetch, in `data` of a sound or video, too:

    image_url.url   image_url (/v1/responses)   input_audio.data|url   input_video.data|url
    video_url.data|url   source.url (/v1/messages)   multimodal_data (base64 only, never fetched)

What they hold themselves is found on the way, and measured afterwards (`check_contents`): it may
be large.

What a tool was called with (`input`, `arguments`) is text to it, whatever it holds.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import orjson

from llmstack.engines.llamacpp.arguments import ARGUMENTS
from llmstack.engines.llamacpp.measured import Measure, Most, content_of
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind, Outline, Span
from llmstack.scan.sight import outline_of

_BARE = "multimodal_data"
WATCHED = frozenset(
    {"image_url", "input_audio", "input_video", "video_url", "source", _BARE, ARGUMENTS}
)
"""Names that an outline must hold in `nested` for a judgement."""

_TEXT = frozenset({"input", "arguments"})
_LARGEST_AGAIN = 1024 * 1024
"""Bytes of a body that may be looked at once more, to tell tools' arguments from content."""
_LONGEST_URL = 4096
_LINK = re.compile(rb'"(?:url|data)"[ \t\r\n]*:[ \t\r\n]*"')
_ENTRY = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Of escapes base64 has `\/` alone; the last byte that is looked at may be the half of one.
_BASE64 = re.compile(rb"(?!http)(?:[A-Za-z0-9+/=]|\\/)*\\?")
# A host, a port, a path: no user, no backslash, nothing that two parsers might read differently.
_URL = re.compile(r"https?://([a-z0-9.-]+(?::[0-9]{1,5})?)(?:/[!$-;=?A-Z_a-z~%]*)?\Z")
_BEGINNING = 16


class Inline(NamedTuple):
    """What a body holds itself: the string `body[start:end]`, without quotes, in a member."""

    span: Span
    start: int
    end: int


def check_media(
    body: bytes | bytearray, outline: Outline, hosts: frozenset[str]
) -> tuple[Inline, ...]:
    """What is to be measured still. Raises Unfit if a replica would fetch from elsewhere.

    `hosts` ("host" or "host:port") may be fetched from.
    """
    found, texts = [], _Texts(body)
    for span in outline.nested:
        for start in _links(body, span) if span.name != ARGUMENTS else ():
            beginning = bytes(body[start : start + _BEGINNING])
            if (
                beginning.startswith(b"data:")
                or span.name == _BARE
                or _BASE64.fullmatch(beginning.partition(b'"')[0])
            ):
                end = body.find(b'"', start, span.end)
                found.append(Inline(span, start, end))
                continue
            url = _string(body, start, span.end)
            if not _allowed(url, hosts) and not texts.hold(span):
                raise _refusal(span.name, url, hosts)
    return tuple(found)


def check_contents(body: bytes | bytearray, contents: Iterable[Inline], most: Most) -> None:
    """Raises Unfit if pictures or sounds would be too large once a replica has decoded them."""
    measure, texts = Measure(most), _Texts(body)
    for each in contents:
        try:
            name = each.span.name
            measure.take(content_of(body, each.start, each.end, name), name)
        except Unfit:
            if not texts.hold(each.span):
                raise


def _links(body: bytes | bytearray, span: Span) -> Iterator[int]:
    """Where the strings begin that may be links, behind their quotes."""
    if span.kind is Kind.STRING:
        if span.name != "source":
            yield span.start + 1
    elif span.name == _BARE:
        for found in _ENTRY.finditer(body, span.start, span.end):
            yield found.start() + 1
    elif span.kind is Kind.OBJECT:
        # A name may be spelt with escapes; base64 needs none.
        if body.find(b"\\u", span.start, span.end) >= 0:
            raise Unfit(f"Write what is in '{span.name}' without \\u escapes.", span.name)
        for found in _LINK.finditer(body, span.start, span.end):
            yield found.end()


def _string(body: bytes | bytearray, start: int, end: int) -> str:
    """The string that begins there; "" if it is longer than a URL may be."""
    found = _STRING_END.match(body, start, min(end, start + _LONGEST_URL))
    try:
        return str(orjson.loads(b'"' + found[0])) if found else ""
    except orjson.JSONDecodeError:  # Half of a character.
        return ""


def _allowed(url: str, hosts: frozenset[str]) -> bool:
    found = _URL.match(url)
    return found is not None and found[1] in hosts


class _Texts:
    """What stands in what a tool was called with. Looked for once, and only if it is asked for."""

    def __init__(self, body: bytes | bytearray) -> None:
        self._body = body

    def hold(self, span: Span) -> bool:
        """Whether the member stands there."""
        starts, ends = self._outermost
        at = bisect_right(starts, span.key) - 1
        return at >= 0 and span.end <= ends[at]

    @cached_property
    def _outermost(self) -> tuple[list[int], list[int]]:
        starts: list[int] = []
        ends: list[int] = []
        if len(self._body) <= _LARGEST_AGAIN:
            for text in sorted(outline_of(self._body, _TEXT).nested, key=lambda each: each.start):
                if not ends or text.start >= ends[-1]:
                    starts.append(text.start)
                    ends.append(text.end)
        return starts, ends


def _refusal(name: str, url: str, hosts: frozenset[str]) -> Unfit:
    allowed = ", ".join(sorted(hosts)) or "nowhere (spec.engine.mediaHosts)"
    shown = f" {url[:80]!r}" if url else " a link"
    return Unfit(
        f"'{name}' holds{shown}: send the content as a data: URL. Replicas of this model may fetch "
        f"from: {allowed}.",
        name,
    )
