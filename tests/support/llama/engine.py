"""When does the fake server compute which token?

As llama-server's loop does: between two steps it takes what has been posted meanwhile — ends what
was cancelled, launches or defers what is new —, then computes one step for all slots together.
During a step a new task is only set aside: its slot still looks idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from .shape import Shape
from .tasks import Slot, Task
from .tokens import common, tokens_of

_SIMILAR = 0.1
"""What share of its prompt must a slot hold to be preferred?"""


class Engine:
    """Its slots and what waits for them. `deferrals` counts the tasks that found no slot."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.slots = [Slot(number) for number in range(shape.slots)]
        self.deferred: deque[Task] = deque()
        self.deferrals = 0
        self.speed = 1.0
        self._posted: deque[Task] = deque()
        self._cancelled: list[Task] = []
        self._asked: list[Callable[[], None]] = []
        self._launches = 0
        self._tasks = 0
        self._due = 0.0
        self._timer: asyncio.Handle | None = None
        self._frozen = False
        self._loop = asyncio.get_running_loop()

    def new_id(self) -> int:
        """The number of a new task."""
        self._tasks += 1
        return self._tasks

    @property
    def processing(self) -> int:
        return sum(slot.task is not None for slot in self.slots)

    def waiting(self) -> list[str]:
        """The leases of tasks that hold no slot yet, each once."""
        tasks = (*self._posted, *self.deferred)
        return sorted({task.lease for task in tasks if task.lease})

    def post(self, tasks: Iterable[Task]) -> None:
        self._posted.extend(tasks)
        self._wake()

    def cancel(self, tasks: Iterable[Task]) -> None:
        """What waits goes at once; what computes, before the next step."""
        gone = {task for task in tasks if not task.ended}
        self._posted = deque(task for task in self._posted if task not in gone)
        self.deferred = deque(task for task in self.deferred if task not in gone)
        self._cancelled += gone
        self._wake()

    def between_steps(self, answer: Callable[[], None]) -> None:
        """Calls it when no step runs."""
        self._asked.append(answer)
        self._wake()

    def freeze(self) -> None:
        """Computes nothing from now on, like a wedged server."""
        self._frozen = True
        if self._timer:
            self._timer.cancel()

    def _wake(self) -> None:
        if self._timer is None and not self._frozen:
            self._due = self._loop.time()
            self._timer = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._take()
        prompts = self._prompts()
        decoding = [slot for slot in self.slots if slot.task and self._decodes(slot.task, prompts)]
        if not prompts and not decoding:
            self._timer = None
            return
        seconds = sum(prompts.values()) / self.shape.prefill
        seconds += any(slot.task and slot.task.limit for slot in decoding) / self.shape.decode
        self._due = max(self._due + seconds / self.speed, self._loop.time() - 0.1)
        self._timer = self._loop.call_at(self._due, self._stepped, prompts, decoding)

    def _take(self) -> None:
        for answer in self._asked:
            answer()
        self._asked.clear()
        for task in self._cancelled:
            if task.slot >= 0 and not task.ended:
                self._release(task)
        self._cancelled.clear()
        while self._posted:
            self._launch(self._posted.popleft())

    def _launch(self, task: Task) -> None:
        idle = [slot for slot in self.slots if slot.task is None]
        family = [task, *task.children]
        if len(idle) < len(family):
            self.deferrals += 1
            self.deferred.append(task)
            return
        first = self._best(idle, task)
        others = [slot for slot in idle if slot is not first]
        for slot, member in zip([first, *others], family, strict=False):
            self._launches += 1
            slot.admit(member)
            slot.used, member.slot = self._launches, slot.id
        # The last token of a prompt is always computed: it yields the first one of the answer.
        task.cached = min(self._held(first, task), len(task.prompt) - 1)
        task.left = len(task.prompt) - task.cached

    def _best(self, idle: list[Slot], task: Task) -> Slot:
        """The one that holds most of the prompt; if none holds enough, the longest idle one."""
        best = max(idle, key=lambda slot: self._held(slot, task))
        if self._held(best, task) > _SIMILAR * len(task.prompt):
            return best
        return min(idle, key=lambda slot: slot.used)

    def _held(self, slot: Slot, task: Task) -> int:
        if not (self.shape.prefix_cache and task.reuses) or slot.salt != task.salt:
            return 0
        return common(slot.cache, task.prompt)

    def _prompts(self) -> dict[Task, int]:
        """How many tokens of which prompts does the next step compute?"""
        room, chosen = self.shape.batch, {}
        for slot in self.slots:
            if slot.task and slot.task.left and room:
                chosen[slot.task] = min(slot.task.left, room)
                room -= chosen[slot.task]
        return chosen

    def _decodes(self, task: Task, prompts: dict[Task, int]) -> bool:
        leader = task.parent or task
        return leader.left == prompts.get(leader, 0)

    def _stepped(self, prompts: dict[Task, int], decoding: list[Slot]) -> None:
        for task, tokens in prompts.items():
            task.left -= tokens
        for slot in decoding:
            if slot.task:
                self._advance(slot.task)
        self._turn()

    def _advance(self, task: Task) -> None:
        task.generated += task.limit > 0
        if task.generated >= task.limit:
            self._release(task)
        task.told(task)

    def _release(self, task: Task) -> None:
        task.ended = True
        slot = self.slots[task.slot]
        slot.task = None
        if self.shape.prefix_cache:
            slot.cache = task.prompt + tokens_of(task.text) if task.started() else ()
        if self.deferred:
            self._posted.appendleft(self.deferred.popleft())
