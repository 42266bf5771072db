"""How does a condition come to its answer?

Each condition is a visible list of checks, the most telling first. A check looks at the situation
and says what it found, or None if it has nothing to say; the first that speaks decides.
"""

from collections.abc import Callable, Iterable
from functools import wraps

from llmstack.api.conditions import ConditionStatus, Finding
from llmstack.status.situation import Situation

Check = Callable[[Situation], Finding | None]


def decide(situation: Situation, checks: Iterable[Check], otherwise: Finding) -> Finding:
    """Return the finding of the first check that has one, or `otherwise`."""
    found = (check(situation) for check in checks)
    return next((finding for finding in found if finding is not None), otherwise)


def once(judge: Callable[[Situation], Finding]) -> Callable[[Situation], Finding]:
    """The judge, who looks at each situation once: conditions ask for each other's answers."""

    @wraps(judge)
    def asked(situation: Situation) -> Finding:
        if judge not in situation.found:
            situation.found[judge] = judge(situation)
        return situation.found[judge]

    return asked


def yes(reason: str, message: str) -> Finding:
    """The answer is True."""
    return Finding(ConditionStatus.TRUE, reason, message)


def no(reason: str, message: str) -> Finding:
    """The answer is False."""
    return Finding(ConditionStatus.FALSE, reason, message)


def unknown(reason: str, message: str) -> Finding:
    """There is no answer yet."""
    return Finding(ConditionStatus.UNKNOWN, reason, message)


def count(number: int, noun: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
