"""What does a llama-server say of itself?

Its answers are searched for the few words that matter rather than decoded: each slot brings all
its sampling parameters along, a hundred replicas are asked every second, and what else is in the
answers differs between versions.
"""

import json
import re

_PROCESSING = re.compile(rb'"is_processing"\s*:\s*(true|false)')
_DEFERRED = re.compile(rb"^llamacpp:requests_deferred ([0-9.e+]+)\s*$", re.MULTILINE)


def total_slots(props: bytes) -> int:
    """How many slots, by /props? Raises ValueError for an answer that does not say."""
    answer = json.loads(props)
    total = answer.get("total_slots") if isinstance(answer, dict) else None
    if not isinstance(total, int) or total < 1:
        raise ValueError("/props names no total_slots")
    return total


def slots(answer: bytes) -> tuple[int, int]:
    """How many slots, and how many of them compute, by /slots? Raises ValueError."""
    states = _PROCESSING.findall(answer)
    if not states:
        raise ValueError("/slots lists no slots")
    return len(states), states.count(b"true")


def deferred(metrics: bytes) -> int | None:
    """How many requests wait inside the server, by /metrics? None if it does not say."""
    found = _DEFERRED.search(metrics)
    try:
        return int(float(found[1])) if found else None
    except ValueError:
        return None
