"""Several gateways' owners over a network, replicas and a clock that are all simulated.

The code under test is the real one but for sockets: peering, desks, shared and local owners, pools.
Frames are numbered as on a real connection (channel.py), so that one that is lost, doubled or out
of order ends it. A replica counts what is inside it: more than it has slots is over-dispatch.
"""

import asyncio
import itertools
import random
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from llmstack.gateway.catalog import Catalog, Model, catalog_of
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.peers.around import Around
from llmstack.gateway.peers.shared_owner import SharedOwner
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant, Refusal
from llmstack.routing.peer_messages import Message, decode, encode
from llmstack.routing.peering import BEAT, Peering
from llmstack.routing.slots import SlotsSeen
from llmstack.routing.view import Member


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: time passes at once."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1000.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs it in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story())


@dataclass
class Replica:
    """A llama-server that shows leases. What is beyond its slots waits inside."""

    slots: int
    inside: dict[int, None] = field(default_factory=dict)
    most: int = 0
    deferred: int = 0

    def enter(self, lease: int) -> None:
        self.inside[lease] = None
        self.most = max(self.most, len(self.inside))
        if len(self.inside) > self.slots:
            self.deferred += 1

    def leave(self, lease: int) -> None:
        self.inside.pop(lease, None)

    def poll(self, now: float) -> SlotsSeen:
        running = list(self.inside)[: self.slots]
        waiting = frozenset(list(self.inside)[self.slots :])
        return SlotsSeen(now, self.slots, len(running), dict.fromkeys(running, 1), waiting)


class _Connection:
    """From one node to another, until it breaks. Both ways in order."""

    def __init__(self, net: "Net", dialler: "Node", taker: "Node") -> None:
        self.net, self.ends = net, (dialler, taker)
        self.alive = True
        self._numbers = {dialler: itertools.count(), taker: itertools.count()}
        self._seen = {dialler: itertools.count(), taker: itertools.count()}
        self._due = {dialler: 0.0, taker: 0.0}

    def say(self, sender: "Node", message: Message) -> None:
        dialler, taker = self.ends
        other = taker if sender is dialler else dialler
        number, frame = next(self._numbers[sender]), encode(message)
        net = self.net
        if net.blocked(sender, other):
            return
        due = max(net.loop.now + net.delay(), self._due[sender] + 1e-6)
        self._due[sender] = due
        for at in net.mangle(due):
            net.loop.call_at(at, self._arrive, other, number, frame)

    def _arrive(self, other: "Node", number: int, frame: bytes) -> None:
        if self.net.blocked(*self.ends):
            return
        other.do(lambda: self._take(other, number, frame))

    def _take(self, other: "Node", number: int, frame: bytes) -> None:
        if not self.alive:
            return
        if number != next(self._seen[other]):
            self.end()
            return
        message = decode(frame)
        assert message is not None
        dialler, taker = self.ends
        if other is taker:
            taker.owner.asked(dialler.name, message)
        else:
            dialler.owner.answered(taker.name, message)

    def end(self, silently: "Node | None" = None) -> None:
        """It breaks; `silently` hears nothing of it."""
        if not self.alive:
            return
        self.alive = False
        for node in self.ends:
            if node is not silently and node.alive:
                delay = self.net.delay()
                self.net.loop.call_later(delay, node.do, lambda node=node: self._ended(node))

    def _ended(self, node: "Node") -> None:
        dialler, taker = self.ends
        if node is dialler and dialler.out.get(taker.name) is self:
            del dialler.out[taker.name]
            dialler.owner.disconnected(taker.name)
        elif node is taker and taker.inn.get(dialler.name) is self:
            del taker.inn[dialler.name]
            taker.owner.left(dialler.name)


class Net:
    """The world: nodes, replicas, and what goes wrong between them."""

    def __init__(self, seed: int, names: str = "abc", models: int = 2, slots: int = 2) -> None:
        self.loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self.random = random.Random(seed)
        self.mangles = 0.0
        self.slowest = 0.005
        self.on_the_way = 0.1  # until a replica shows a request, seconds at most
        self.cuts: set[frozenset[str]] = set()
        self.replicas = {f"m{n}-r": Replica(slots) for n in range(models)}
        queue = QueueLimits(max_requests=10_000, timeout=300.0)
        self.catalog = catalog_of(
            [
                Model(f"m{n}", queue=queue, backends=(Backend(f"m{n}-r", "x", 1),))
                for n in range(models)
            ]
        )
        self.names = list(names)
        self.nodes: dict[str, Node] = {}
        self.epochs = itertools.count(1)
        self.ended = self.served = 0
        self.stories: set[asyncio.Task[None]] = set()
        for name in names:
            self.start(name)

    def start(self, name: str) -> "Node":
        node = self.nodes[name] = Node(self, name, str(next(self.epochs)))
        return node

    def delay(self) -> float:
        return self.random.uniform(0.0001, self.slowest)

    def blocked(self, one: "Node", other: "Node") -> bool:
        return frozenset((one.name, other.name)) in self.cuts

    def mangle(self, due: float) -> list[float]:
        """When a frame arrives: once, or never, or twice, or late, so that others overtake it."""
        if self.random.random() >= self.mangles:
            return [due]
        return self.random.choice(([], [due, due + self.delay()], [due + 0.05]))

    def deferred(self) -> int:
        return sum(replica.deferred for replica in self.replicas.values())

    def request(self, node: "Node", model: str, seconds: float, patience: float) -> None:
        """One client. It leaves after `patience` seconds if it is not through by then."""
        task = self.loop.create_task(self._story(node, model, seconds, patience))
        self.stories.add(task)
        task.add_done_callback(self.stories.discard)
        node.stories.add(task)
        task.add_done_callback(node.stories.discard)

    async def _story(self, node: "Node", model: str, seconds: float, patience: float) -> None:
        await node.awake()
        ask = Ask(next(node.ids), model, "t", 1, (), self.loop.now)
        granted: Grant | Refusal | None = None
        while granted is None:
            try:
                async with asyncio.timeout(patience):
                    granted = await self._granted(node, ask)
            except TimeoutError:
                break
        if isinstance(granted, Grant):
            await self._serve(node, granted, seconds, patience)
        self.ended += 1

    async def _granted(self, node: "Node", ask: Ask) -> Grant | Refusal | None:
        """None where the slots may be somebody else's by the time that it is connected."""
        granted = await node.owner.acquire(ask)
        if isinstance(granted, Refusal):
            return granted
        try:
            await asyncio.sleep(self.random.uniform(0.0, node.connecting))
            await node.awake()
        except asyncio.CancelledError:
            node.do(lambda: node.owner.release(granted.lease, Ending.DONE))
            raise
        if node.owner.holds(granted.lease):
            return granted
        node.owner.release(granted.lease, Ending.DONE)
        return None

    async def _serve(self, node: "Node", grant: Grant, seconds: float, patience: float) -> None:
        replica = self.replicas[grant.replica]
        entered, ending = False, Ending.DONE
        try:
            await asyncio.sleep(self.random.uniform(0.0, self.on_the_way))
            replica.enter(grant.lease)
            entered = True
            await asyncio.sleep(min(seconds, patience))
            ending = Ending.DONE if seconds <= patience else Ending.CANCELLED
            self.served += ending is Ending.DONE
        finally:
            if entered and ending is Ending.DONE:
                replica.leave(grant.lease)
            elif entered:  # It notices a moment later.
                self.loop.call_later(0.02, replica.leave, grant.lease)
            if node.alive:
                node.do(lambda: node.owner.release(grant.lease, ending))


class Node:
    """One gateway, and the wire that it uses."""

    def __init__(self, net: Net, name: str, epoch: str) -> None:
        self.net, self.name, self.alive = net, name, True
        self.ids = itertools.count(1)
        self.connecting = 0.05  # until a request can be sent, seconds at most
        self.out: dict[str, _Connection] = {}
        self.inn: dict[str, _Connection] = {}
        self.stories: set[asyncio.Task[None]] = set()
        self._paused: list[Callable[[], None]] | None = None
        self._asleep: list[asyncio.Future[None]] = []
        self._watches: dict[str, asyncio.Task[None]] = {}
        clock = net.loop.time
        leases = itertools.count((int(epoch) << 32) + 1)
        self.local = LocalOwner(leases=leases, clock=clock, hurry=self._hurry)
        peering = Peering(Member(name, epoch), clock())
        around = Around(self._follow, lambda _: None, lambda: next(self.ids), Facts())
        self.owner = SharedOwner(peering, self.local, self, around, clock)
        self.owner.take(net.catalog)
        self.owner.expect(net.names)
        self._tasks = [
            net.loop.create_task(self._tick()),
            *(net.loop.create_task(self._dial(peer)) for peer in net.names if peer != name),
        ]

    # What happens to it

    def do(self, what: Callable[[], None]) -> None:
        """Runs it now, or once the process goes on."""
        if self._paused is not None:
            self._paused.append(what)
        elif self.alive:
            what()

    async def awake(self) -> None:
        """Returns once the process runs."""
        while self._paused is not None:
            asleep: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._asleep.append(asleep)
            await asleep

    def pause(self) -> None:
        self._paused = self._paused or []

    def resume(self) -> None:
        """Its requests go on before or after it hears what was said meanwhile."""
        (waiting, self._paused), (asleep, self._asleep) = (
            (self._paused or [], None),
            (self._asleep, []),
        )

        def hear() -> None:
            for what in waiting:
                self.do(what)

        if self.net.random.random() < 0.5:
            hear()
        else:
            self.net.loop.call_soon(lambda: self.net.loop.call_soon(hear))
        for each in asleep:
            if not each.done():
                each.set_result(None)

    def kill(self) -> None:
        self.alive = False
        for task in (*self._tasks, *self._watches.values(), *self.stories):
            task.cancel()
        for connection in (*self.out.values(), *self.inn.values()):
            connection.end(silently=self)

    # A Wire

    def send(self, peer: str, message: Message) -> None:
        if connection := self.out.get(peer):
            connection.say(self, message)

    def answer(self, peer: str, message: Message) -> None:
        if connection := self.inn.get(peer):
            connection.say(self, message)

    def cut(self, peer: str) -> None:
        for connections in (self.out, self.inn):
            if connection := connections.pop(peer, None):
                connection.end(silently=self)

    async def _dial(self, peer: str) -> None:
        net = self.net
        while True:
            await asyncio.sleep(net.delay())
            other = net.nodes.get(peer)
            if peer in self.out or self._paused is not None:
                await asyncio.sleep(0.05)
            elif other is not None and net.blocked(self, other):
                await asyncio.sleep(0.25)
            elif other is None or not other.alive:
                self.do(lambda: self.owner.refused(peer))
                await asyncio.sleep(0.25)
            elif other._paused is not None:
                await asyncio.sleep(0.25)  # It takes the connection and says nothing.
            else:
                self._connect(other)

    def _connect(self, other: "Node") -> None:
        connection = _Connection(self.net, self, other)
        if before := other.inn.pop(self.name, None):
            before.end(silently=other)
        self.out[other.name], other.inn[self.name] = connection, connection
        other.do(lambda: other.owner.came(self.owner.peering.me))
        self.owner.connected(other.name)

    # What it does

    async def _tick(self) -> None:
        while True:
            self.do(self.owner.tick) if self._paused is None else None
            await asyncio.sleep(BEAT)

    def _follow(self, owned: Catalog) -> None:
        self.local.apply(owned)
        wanted = {model.id for model in owned.models}
        for model in sorted(self._watches.keys() - wanted):
            self._watches.pop(model).cancel()
        for model in sorted(wanted - self._watches.keys()):
            self._watches[model] = self.net.loop.create_task(self._watch(model))

    def _hurry(self, model: str, replica: str) -> None:
        pass

    async def _watch(self, model: str) -> None:
        name = f"{model}-r"
        replica = self.net.replicas[name]
        await asyncio.sleep(self.net.delay())
        self.do(lambda: self.local.replica_up(model, name, replica.slots))
        while True:
            seen = replica.poll(self.net.loop.now)
            await asyncio.sleep(self.net.delay())
            self.do(lambda seen=seen: self.local.seen(model, name, seen))
            draining = self.local.draining(model, name)
            await asyncio.sleep(0.03 if draining else 1.0)
