"""What is in a body that comes compressed? It is inflated piece by piece, as it is scanned.

Nothing is inflated before the tenant is known, and then only a piece at a time, in turn with other
bodies. The size that a few bytes expand to is checked before the next piece.
"""

import zlib

from llmstack.gateway.http.body import Body
from llmstack.gateway.http.head import Malformed

CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE_IN = 4 * 1024
_PIECE_OUT = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Compressed(Body):
    """A compressed body while it arrives. `data` and `outline` describe the inflated content.

    `most` is the number of bytes that it may expand to.
    """

    __slots__ = ("_coding", "_ended", "_inflater", "_inner", "_most", "_raw", "_rest")

    def __init__(self, coding: str, most: int) -> None:
        super().__init__()
        self._coding = coding
        self._most = most
        self._inner = Body()
        self._raw = bytearray()
        self._rest: bytes | None = None  # of a piece that is only partly inflated
        self._inflater = zlib.decompressobj(_GZIP)
        self._ended = True  # True before a gzip member, and after each

    @property
    def size(self) -> int:
        return max(len(self._raw), len(self.data))

    @property
    def held(self) -> int:
        return len(self._raw) + self._inner.held

    @property
    def behind(self) -> bool:
        waits = bool(self._raw) or self._rest is not None or self._inner.behind
        return self.outline is None and (waits or self.whole)

    def add(self, payload: bytes) -> None:
        self._raw += payload

    def is_read(self) -> bool:
        return self.outline is not None

    def look(self) -> bool:
        """Scans the next piece. Returns True if another one can be scanned.

        Raises NotJSON, or Malformed if the encoding is wrong or the body expands to too much.
        """
        inner = self._inner
        if not inner.behind:
            self._inflate()
        inner.look()
        self.data, self.outline = inner.data, inner.outline
        return self.behind

    def _inflate(self) -> None:
        piece, self._rest = self._rest, None
        if piece is None and self._raw:
            piece = bytes(self._raw[:_PIECE_IN])
            del self._raw[:_PIECE_IN]
        if piece is not None:
            if self._ended:
                self._begin(piece)
            self._take(piece)
        elif self.whole:
            if not self._ended:
                raise self._broken("it ends too early")
            self._inner.whole = True

    def _begin(self, piece: bytes) -> None:
        if self._coding != "deflate":
            self._inflater = zlib.decompressobj(_GZIP)
        elif self._inner.data:
            raise self._broken("something follows its end")
        else:
            # Some clients leave the zlib header of a deflated body out.
            has_head = piece[0] & 15 == 8 and (
                len(piece) < 2 or int.from_bytes(piece[:2]) % 31 == 0
            )
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if has_head else _RAW)

    def _take(self, piece: bytes) -> None:
        inflater = self._inflater
        try:
            inflated = inflater.decompress(piece, _PIECE_OUT)
        except zlib.error as error:
            raise self._broken(str(error).rpartition(": ")[2]) from error
        self._ended = inflater.eof
        if self._ended:
            self._rest = inflater.unused_data or None
        elif inflater.unconsumed_tail or len(inflated) == _PIECE_OUT:
            self._rest = inflater.unconsumed_tail
        if len(inflated) + len(self._inner.data) > self._most:
            message = f"The body expands to more than {self._most} bytes."
            raise Malformed(413, message, "body_too_large")
        if inflated:
            self._inner.add(inflated)

    def _broken(self, why: str) -> Malformed:
        return Malformed(400, f"The body is not {self._coding}, as Content-Encoding says: {why}.")
