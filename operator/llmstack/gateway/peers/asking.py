"""How does a request wait for slots that another gateway grants?

Asked ──> Granted in our current view ──> it has the slots
      └─> Granted in an older view    ──> released; the new owner is asked anyway
      └─> Refused                     ──> refused, but retried if only the owner lacks the model yet
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from llmstack.gateway.peers.own import Own, Theirs
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal, reason_of
from llmstack.routing.peer_messages import (
    Asked,
    Cancelled,
    Granted,
    Message,
    Refused,
    Released,
    pack,
)
from llmstack.routing.peering import Peering

_RETRY_SECONDS = 0.2
"""Seconds between two retries."""
_MOST_RETRIES = 25
"""Retries at an owner that does not know a model yet which this gateway knows."""


class Sends(Protocol):
    """Sends to a peer over our connection to it."""

    def __call__(self, peer: str, message: Message) -> None: ...


@dataclass(slots=True)
class _Waiting:
    """A request that waits for another gateway. The result None means to ask again."""

    ask: Ask
    since: float
    future: "asyncio.Future[Grant | Refusal | None]"
    retries: int = 0


class Asking:
    """The requests that wait. `knows(model)` returns whether this gateway has the model."""

    def __init__(
        self,
        peering: Peering,
        own: Own,
        send: Sends,
        knows: Callable[[str], bool],
        facts: Facts,
        clock: Callable[[], float],
    ) -> None:
        self._peering = peering
        self._own = own
        self._send = send
        self._knows = knows
        self._facts = facts
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Waiting] = {}

    async def acquire(self, ask: Ask, leave: Callable[[int], None]) -> Grant | Refusal | None:
        """Returns the owner's decision, or None if the request must ask again, maybe elsewhere.

        `leave(lease)` releases a grant for a client that has left by then.
        """
        future: asyncio.Future[Grant | Refusal | None] = self._loop.create_future()
        waiting = self._waiting[ask.id] = _Waiting(ask, self._clock() - ask.spent, future)
        self._ask(waiting)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                if isinstance(grant := future.result(), Grant):
                    leave(grant.lease)
            elif self._owner(ask.model) != self._peering.me.name:
                self._send(self._owner(ask.model), Cancelled(ask.id))
            raise
        finally:
            self._waiting.pop(ask.id, None)

    def waits(self, theirs: Theirs) -> tuple[int, ...]:
        """Returns the ids of the waiting asks for their models."""
        return tuple(each.ask.id for each in self._of(theirs))

    def repeat(self, theirs: Theirs) -> None:
        """Sends the waiting asks for their models again, after a new view or connection."""
        for each in self._of(theirs):
            self._ask(each)

    def come_home(self, theirs: Theirs) -> None:
        """Makes the requests that wait for these models ask this gateway instead."""
        for each in self._of(theirs):
            each.future.set_result(None)

    def granted(self, peer: str, granted: Granted) -> None:
        """Takes a grant of an owner."""
        waiting = self._wanted(peer, granted)
        if waiting is None:
            self._send(peer, Released(granted.lease, Ending.DONE.value))
            return
        ask = waiting.ask
        self._own.hold(granted.lease, ask, granted.replica, self._peering.doubts)
        self._facts.learn(ask.model, granted.replica, granted.apart, granted.started)
        grant = Grant(
            ask.id, granted.lease, granted.replica, granted.hit, granted.waited, granted.echoes
        )
        waiting.future.set_result(grant)

    def refused(self, peer: str, refused: Refused) -> None:
        """Takes a refusal of an owner."""
        waiting = self._wanted(peer, refused)
        if waiting is None:
            return
        reason, ask = reason_of(refused.reason), waiting.ask
        known = reason is Reason.MODEL_GONE and self._knows(ask.model)
        if known and waiting.retries < _MOST_RETRIES:  # Its owner will know it soon.
            waiting.retries += 1
            self._loop.call_later(_RETRY_SECONDS, self._again, waiting)
            return
        waiting.future.set_result(Refusal(ask.id, reason, refused.retry_after, refused.limit))

    def _ask(self, waiting: _Waiting) -> None:
        ask, now = waiting.ask, self._clock()
        asked = Asked(
            view=self._peering.view.id,
            ask=ask.id,
            model=ask.model,
            tenant=ask.tenant,
            slots=ask.slots,
            ago=now - ask.arrived,
            blocks=pack(ask.blocks),
            avoid=tuple(ask.avoid),
            divisible=ask.divisible,
            spent=now - waiting.since,
        )
        self._send(self._owner(ask.model), asked)

    def _again(self, waiting: _Waiting) -> None:
        if self._waiting.get(waiting.ask.id) is waiting and not waiting.future.done():
            self._ask(waiting)

    def _wanted(self, peer: str, answer: Granted | Refused) -> _Waiting | None:
        """Returns the request that waits for this, or None if the view is old or nobody waits."""
        waiting = self._waiting.get(answer.ask)
        if waiting is None or waiting.future.done() or answer.view != self._peering.view.id:
            return None
        return waiting if self._owner(waiting.ask.model) == peer else None

    def _of(self, theirs: Theirs) -> list[_Waiting]:
        waiting = self._waiting.values()
        return [each for each in waiting if not each.future.done() and theirs(each.ask.model)]

    def _owner(self, model: str) -> str:
        return self._peering.owner(model)
