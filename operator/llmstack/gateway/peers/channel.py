"""How do two gateways talk over one connection?

    the one that accepts                 the one that dials
    a nonce ─────────────────────────>
                                     <── its name, a nonce, the proof that it has the key
    its name, the nonce, its proof ──>
    frames <────────────────────────>    length (4 bytes), number (4 bytes), a message

The key itself is never sent. For messages see peer_messages.py. A missing, repeated or reordered
frame ends the connection; the next one starts with a State.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import struct
from collections.abc import Callable
from typing import Any, cast

import orjson

from llmstack.routing.peer_messages import Message, decode, encode
from llmstack.routing.view import Member

log = logging.getLogger(__name__)

PROTOCOL = 1
_HEAD = struct.Struct("!II")
_LONGEST_HELLO = 4096
_LONGEST = 256 * 1024 * 1024
_NUMBERS = 1 << 32


class Channel(asyncio.Protocol):
    """One side of a connection.

    `met(channel, member)` is called once the other side has proved that it has the key. From then
    on `said(message)` is called for each message, and `over()` once when the connection has ended.
    """

    def __init__(
        self,
        me: Callable[[], Member],
        key: bytes,
        dials: bool,
        met: "Callable[[Channel, Member], None]",
    ) -> None:
        self._me = me
        self._key = key
        self._dials = dials
        self._met = met
        self._buffer = bytearray()
        self._nonce = secrets.token_hex(16)
        self._theirs = ""
        self._transport: asyncio.Transport | None = None
        self._in = self._out = 0
        self.member: Member | None = None
        self.said: Callable[[Message], None] = lambda _: None
        self.over: Callable[[], None] = lambda: None
        self.closed = asyncio.get_running_loop().create_future()

    def send(self, message: Message) -> None:
        """Sends a message, unless the connection has ended or is not authenticated yet."""
        if self.member is not None:
            self._frame(encode(message))

    def cut(self) -> None:
        """Ends the connection at once; nothing that is still on its way counts."""
        if self._transport is not None:
            self._transport.abort()
        self._over()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._key:  # The key is not known yet.
            self.cut()
            return
        if not self._dials:
            self._frame(orjson.dumps({"version": PROTOCOL, "nonce": self._nonce}))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._read()
        except (ValueError, KeyError, TypeError) as fault:
            log.warning("closed a peer's connection: %s", fault or type(fault).__name__)
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over()

    def _over(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
            self.member, self.said = None, lambda _: None
            self.over()

    def _read(self) -> None:
        while len(self._buffer) >= _HEAD.size:
            length, number = _HEAD.unpack_from(self._buffer)
            if length > (_LONGEST if self.member else _LONGEST_HELLO):
                raise ValueError("a frame is too long")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            if number != self._in:
                raise ValueError("a frame is missing, or came twice")
            self._in = (number + 1) % _NUMBERS
            frame = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            if self.member is None:
                self._hello(orjson.loads(frame))
                if self.closed.done():
                    return
            elif (message := decode(frame)) is not None:
                self._say(message)

    def _say(self, message: Message) -> None:
        try:
            self.said(message)
        except Exception:  # A bug. What was left half done is sent again on the next connection.
            log.exception("failed to process a peer's %s", type(message).__name__)
            self.cut()

    def _frame(self, body: bytes) -> None:
        assert self._transport is not None
        self._transport.write(_HEAD.pack(len(body), self._out) + body)
        self._out = (self._out + 1) % _NUMBERS

    # Authentication

    def _hello(self, said: Any) -> None:
        if self._dials and not self._theirs:
            self._theirs = str(said["nonce"])
            self._introduce()
            return
        if not self._dials:
            self._theirs = str(said["nonce"])
        member = Member(str(said["name"]), str(said["epoch"]), bool(said["owning"]))
        if not hmac.compare_digest(str(said["proof"]), self._proof(not self._dials, member)):
            raise ValueError("it has another key")
        if not self._dials:
            self._introduce()
        self.member = member
        self._met(self, member)

    def _introduce(self) -> None:
        me = self._me()
        hello = {**me._asdict(), "nonce": self._nonce, "proof": self._proof(self._dials, me)}
        self._frame(orjson.dumps(hello))

    def _proof(self, by_dialer: bool, member: Member) -> str:
        """Returns what only a holder of the key can say of this member on this connection."""
        nonces = (self._nonce, self._theirs)
        dialer, other = nonces if self._dials else nonces[::-1]
        said = (str(by_dialer), dialer, other, member.name, member.epoch, str(member.owning))
        return hmac.new(self._key, "\0".join(said).encode(), hashlib.sha256).hexdigest()
