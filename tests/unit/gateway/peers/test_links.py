"""Do connections between gateways form, prove who is there, and end? Over real sockets."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest

from llmstack.gateway.peers.links import Links
from llmstack.routing.peer_messages import Beat, Lost, Message
from llmstack.routing.view import Member

KEY = b"the key of all gateways"


@dataclass
class Ear:
    """Writes down what it hears."""

    heard: list[tuple[object, ...]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def _note(self, *what: object) -> None:
        self.heard.append(what)
        self.news.set()

    def connected(self, peer: str) -> None:
        self._note("connected", peer)

    def disconnected(self, peer: str) -> None:
        self._note("disconnected", peer)

    def refused(self, peer: str) -> None:
        self._note("refused", peer)

    def came(self, member: Member) -> None:
        self._note("came", member.name)

    def left(self, peer: str) -> None:
        self._note("left", peer)

    def asked(self, peer: str, message: Message) -> None:
        self._note("asked", peer, message)

    def answered(self, peer: str, message: Message) -> None:
        self._note("answered", peer, message)

    async def until(self, *what: object) -> None:
        async with asyncio.timeout(5):
            while what not in self.heard:
                self.news.clear()
                await self.news.wait()


class End:
    """One gateway's connections, on a port of its own."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.name = ""
        self.links = Links(lambda: Member(self.name, f"epoch of {id(self)}"))

    async def listen(self, key: bytes = KEY, port: int = 0) -> "End":
        self.links.meet(key, self.ear)
        self.name = f"127.0.0.1:{await self.links.listen('127.0.0.1', port)}"
        return self


async def test_each_hears_of_the_other_and_both_ways_carry_messages() -> None:
    a, b = await End().listen(), await End().listen()
    a.links.know([b.name])  # b dials a because that came.
    await a.ear.until("connected", b.name)
    await a.ear.until("came", b.name)
    await b.ear.until("came", a.name)
    a.links.send(b.name, Beat(1, 0, "v", 1))
    await b.ear.until("asked", a.name, Beat(1, 0, "v", 1))
    b.links.answer(a.name, Lost(7))
    await a.ear.until("answered", b.name, Lost(7))
    await a.links.close()
    await b.ear.until("left", a.name)
    await b.ear.until("refused", a.name)
    await b.links.close()


async def test_who_has_another_key_is_no_peer() -> None:
    a, b = await End().listen(), await End().listen(b"another key")
    a.links.know([b.name])
    b.links.know([a.name])
    await asyncio.sleep(0.6)
    assert not [each for each in (*a.ear.heard, *b.ear.heard) if each[0] in ("connected", "came")]
    await a.links.close()
    await b.links.close()


@pytest.mark.parametrize(
    "words",
    [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x02\0\0\0\0{}", b"\xff" * 64, b"\0\0\0\x02\0\0\0\x05{}"],
)
async def test_a_stranger_is_sent_away(words: bytes) -> None:
    a = await End().listen()
    host, _, port = a.name.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    greeting = await reader.read(4096)
    assert b"nonce" in greeting and KEY not in greeting
    writer.write(words)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(4096), 5) == b""
    assert not a.ear.heard
    writer.close()
    await a.links.close()


async def test_a_stranger_that_says_nothing_does_not_stay() -> None:
    a = await End().listen()
    host, _, port = a.name.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.read(4096)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(4096), 5) == b""
    writer.close()
    await a.links.close()


async def test_a_connection_that_is_cut_is_made_again() -> None:
    a, b = await End().listen(), await End().listen()
    a.links.know([b.name])
    await a.ear.until("connected", b.name)
    await b.ear.until("came", a.name)
    a.ear.heard.clear()
    b.links.cut(a.name)
    await a.ear.until("disconnected", b.name)
    await a.ear.until("connected", b.name)
    await a.links.close()
    await b.links.close()


async def test_it_does_not_talk_to_itself() -> None:
    a = await End().listen()
    a.links.know([a.name])
    await asyncio.sleep(0.1)
    assert not a.ear.heard
    await a.links.close()
