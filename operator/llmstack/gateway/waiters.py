"""What waits for the decision of a pool?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from llmstack.routing.pool import Decision


@dataclass(frozen=True, slots=True)
class Timer:
    """The timer of a model's next budget to end, and when it fires."""

    end: float
    handle: asyncio.TimerHandle


class Waiter(Protocol):
    """A future, or a peer's request."""

    def cancelled(self) -> bool: ...

    def set_result(self, result: Decision, /) -> None: ...


class Told:
    """A peer's request, which waits without a coroutine of its own."""

    __slots__ = ("_ask", "_tell", "_waiting")

    def __init__(
        self, waiting: dict[int, Waiter], ask: int, tell: Callable[[Decision], None]
    ) -> None:
        self._waiting = waiting
        self._ask = ask
        self._tell = tell

    def cancelled(self) -> bool:
        return False

    def set_result(self, result: Decision, /) -> None:
        del self._waiting[self._ask]
        self._tell(result)
