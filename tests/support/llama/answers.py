"""How does the fake server get from a request that computes to the end of its answer?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from .engine import Engine
from .faults import Death
from .shapes import Style, Whole, encoded, event
from .tasks import Task
from .wire import Connection

_MARK = "\x7f"


class Work:
    """One request while it computes: it hears of each token of its `tasks`."""

    def __init__(self, engine: Engine, connection: Connection, death: Death | None, events: int):
        self.engine = engine
        self.connection = connection
        self.tasks: Sequence[Task] = ()
        self._death = death
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._looked = self._loop.time()
        self._over = False

    def begin(self, tasks: Sequence[Task]) -> None:
        """Posts them; one that has children brings them along."""
        self.tasks = tasks
        if self._death in _EARLY:
            self._over = True
            self.connection.drop(_EARLY[self._death])
            return
        self.connection.left = self._left
        if self.connection.gone:
            self._left()
        self.engine.post(task for task in tasks if task.parent is None)

    def told(self, task: Task) -> None:
        raise NotImplementedError

    def _left(self) -> None:
        """The server looks at its client only so often: from the last result, each `look`."""
        look = self.engine.shape.look
        past = self._loop.time() - self._looked
        self._loop.call_later(math.ceil(past / look) * look - past, self.stop)

    def stop(self) -> None:
        """The client is gone: what computes for it is cancelled, then the connection is closed."""
        if not self._over:
            self._over = True
            self.engine.cancel(self.tasks)
            self.hang_up()

    def hang_up(self) -> None:
        raise NotImplementedError


_EARLY = {
    Death.BEFORE: b"",
    Death.DURING: b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Ty",
    Death.GARBAGE: b"\x16\x03\x01 this is no HTTP\r\n\r\n",
}


class Plain(Work):
    """All at once."""

    def __init__(self, style: Whole, *given: object):
        super().__init__(*given)  # type: ignore[arg-type]
        self.style = style

    def told(self, task: Task) -> None:
        if self._over or not all(task.ended for task in self.tasks):
            return
        self._over = True
        body = encoded(self.style.whole(self.tasks, self.engine.shape))
        if self._death is Death.AFTER:
            self.connection.drop(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:10]
            )
        else:
            self.connection.answer(200, body)

    def hang_up(self) -> None:
        self.connection.answer(200, b"")


class Stream(Work):
    """Event by event. The head is sent with the first token, not before."""

    def __init__(self, style: Style, *given: object):
        super().__init__(*given)  # type: ignore[arg-type]
        self.style = style
        self._begun = False
        self._templates: dict[Task, Callable[[Task], bytes]] = {}

    def told(self, task: Task) -> None:
        self._looked = self._loop.time()
        if self._over:
            return
        if self._begun and self.connection.gone:
            self.stop()
            return
        if not self._begun:
            self._begun = True
            self.connection.start()
        self.connection.chunk(b"".join(self._events_of(task)))
        self._events -= 1
        if self._death is Death.AFTER and self._events <= 0:
            self._over = True
            self.connection.drop()
            self.engine.cancel(self.tasks)
        elif all(task.ended for task in self.tasks):
            self._over = True
            if self.style.done:
                self.connection.chunk(self.style.done)
            self.connection.end()

    def _events_of(self, task: Task) -> list[bytes]:
        found = []
        if task.generated == 1:
            found += [event(value) for value in self.style.first(task)]
            self._templates[task] = self._template(task)
        found.append(self._templates[task](task))
        if task.ended:
            found += [event(value) for value in self.style.last(task, self.engine.shape)]
        return found

    def _template(self, task: Task) -> Callable[[Task], bytes]:
        """How a piece is made: where only its text differs, around the text."""
        if not self.style.alike:
            return lambda task: event(self.style.piece(task, task.newest))
        before, after = event(self.style.piece(task, _MARK)).split(_MARK.encode())
        return lambda task: before + encoded(task.newest)[1:-1] + after

    def hang_up(self) -> None:
        if self._begun:
            self.connection.drop()
        else:
            self.connection.start()
            self.connection.end()
