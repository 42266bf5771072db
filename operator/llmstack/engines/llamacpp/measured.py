"""Is what a body holds of pictures and sounds small enough once a replica has decoded it?

a data: URL, base64, a file ─ picture or sound? ─ pixels, seconds ─ taken from what is left
"""

from typing import NamedTuple

from llmstack.engines.llamacpp.content import Base64, Content
from llmstack.engines.llamacpp.pictures import picture_size
from llmstack.engines.llamacpp.sounds import sound_seconds
from llmstack.engines.llamacpp.unfit import Unfit

ALL_PIXELS = 4
"""All pictures of a request may have so many times the pixels of one."""
_LONGEST_KIND = 1024


class Most(NamedTuple):
    """Pixels of a picture, and seconds of all sounds of a request."""

    pixels: int
    seconds: int


class Measure:
    """What is left of the bounds for the rest of one request."""

    def __init__(self, most: Most) -> None:
        self._most = most
        self._pixels = ALL_PIXELS * most.pixels
        self._seconds = float(most.seconds)

    def take(self, content: Content, name: str) -> None:
        """Judges one picture or sound, whichever it is. Raises Unfit, which names the field.

        llama-server goes by the content, too: a picture's field may hold a sound.
        """
        try:
            seconds = sound_seconds(content, self._most.seconds)
            if seconds is not None:
                self._take_seconds(seconds)
            elif (size := picture_size(content)) is not None:
                self._take_pixels(size.width, size.height)
        except Unfit as unfit:
            raise Unfit(f"'{name}' cannot be used: {unfit}.", name) from unfit

    def _take_seconds(self, seconds: float) -> None:
        self._seconds -= seconds
        if self._seconds < 0:
            raise Unfit(f"sounds may last {self._most.seconds} s in all (LLMSTACK_AUDIO_SECONDS)")

    def _take_pixels(self, width: int, height: int) -> None:
        if width * height > self._most.pixels:
            raise Unfit(
                f"a picture of {width} x {height} has more than {self._most.pixels} pixels "
                "(LLMSTACK_IMAGE_PIXELS): send a smaller one"
            )
        self._pixels -= width * height
        if self._pixels < 0:
            raise Unfit(
                f"all pictures together have more than {ALL_PIXELS * self._most.pixels} pixels: "
                "send fewer or smaller ones"
            )


def content_of(body: bytes | bytearray, start: int, end: int, name: str) -> Content:
    """What a string of a body, `body[start:end]` without its quotes, holds for llama-server.

    The whole of base64, or what follows the comma of a data: URL. Raises Unfit: it has escapes
    other than that of a slash. `name` is that of the field.
    """
    if body.find(b"\\", start, end) >= 0:
        text = bytes(body[start:end]).replace(b"\\/", b"/")
        if b"\\" in text:
            raise Unfit(f"Write base64 in '{name}' without escapes.", name)
        body, start, end = text, 0, len(text)
    if body.startswith(b"data:", start):
        comma = body.find(b",", start, min(end, start + _LONGEST_KIND))
        if comma < 0:
            raise Unfit(f"'{name}' must have a comma before the content of its data: URL.", name)
        start = comma + 1
    return Base64(body, start, end)
