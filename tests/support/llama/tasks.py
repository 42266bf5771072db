"""What does the fake server compute?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .tokens import Tokens, said


@dataclass(eq=False)
class Task:
    """One sequence: it takes one slot.

    `left` are the tokens of its prompt that are still to be computed. A task with `children`
    (a request with `n` above 1) takes a slot for each of them, all at once or none; they share its
    prompt and start when it has been computed. `limit` tokens are generated; 0 for an embedding.
    """

    id: int
    prompt: Tokens
    limit: int
    told: Callable[[Task], None]
    """Called after each token and at the end."""
    finish: str = "length"
    index: int = 0
    parent: Task | None = None
    lease: str = ""
    salt: str = ""
    reuses: bool = True
    children: list[Task] = field(default_factory=list)
    cached: int = 0
    left: int = 0
    generated: int = 0
    slot: int = -1
    ended: bool = False

    @property
    def text(self) -> str:
        return "".join(said(self.prompt, number) for number in range(self.generated))

    @property
    def newest(self) -> str:
        return said(self.prompt, self.generated - 1) if self.generated else ""

    def started(self) -> bool:
        """Is its prompt computed?"""
        return (self.parent or self).left == 0


@dataclass(eq=False)
class Slot:
    """Holds one sequence, and remembers the last one."""

    id: int
    task: Task | None = None
    last: Task | None = None
    cache: Tokens = ()
    salt: str = ""
    """Whose prompt `cache` is."""
    used: int = 0

    def admit(self, task: Task) -> None:
        """It computes this; of another salt it keeps nothing."""
        if self.salt != task.salt:
            self.cache, self.salt = (), task.salt
        self.task = self.last = task
