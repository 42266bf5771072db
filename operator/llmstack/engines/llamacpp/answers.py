"""What does a llama-server report about itself?

Its answers are searched for the few values that matter rather than decoded: each slot lists all its
sampling parameters, a hundred replicas are polled every second, and the rest of the answers differs
between versions.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping

from llmstack.engines.interface import Busy, Capacity, Work
from llmstack.engines.llamacpp.request_headers import lease_number

_PROCESSING = re.compile(rb'"is_processing"\s*:\s*(true|false)')
_DONE = re.compile(rb'"(is_processing|id_task|n_remain|n_decoded)"\s*:\s*(true|false|-?\d{1,18})')
_LEASE = re.compile(rb'"lease"\s*:\s*"([^"\\]+)"')
_LOADING = b"Loading model"
_FIELDS_OF_WORK = 4
_DEFERRED = re.compile(rb"^llamacpp:requests_deferred ([0-9.e+]+)\s*$", re.MULTILINE)


def capacity(body: bytes) -> Capacity:
    """Reads /props. Raises ValueError if it does not contain the number of slots."""
    return Capacity(total_slots(body), context(body), keeps_apart(body))


def busy(body: bytes, headers: Mapping[bytes, bytes]) -> Busy:
    """Reads /slots. Raises ValueError if it lists no slots."""
    shown, waiting = leases(body, headers) or (None, frozenset[int]())
    return Busy(*slots(body), shown, waiting, work(body))


def is_loading(status: int, body: bytes) -> bool:
    """True if the answer says that the model is not loaded yet."""
    return status == 503 and _LOADING in body


def total_slots(props: bytes) -> int:
    """Returns the number of slots in /props. Raises ValueError if it is missing."""
    answer = json.loads(props)
    total = answer.get("total_slots") if isinstance(answer, dict) else None
    if not isinstance(total, int) or total < 1:
        raise ValueError("/props names no total_slots")
    return total


def context(props: bytes) -> int:
    """Returns the tokens per slot in /props, or 0 if missing."""
    answer = json.loads(props)
    settings = answer.get("default_generation_settings") if isinstance(answer, dict) else None
    tokens = settings.get("n_ctx") if isinstance(settings, dict) else None
    return tokens if type(tokens) is int and tokens > 0 else 0


def started(headers: Mapping[bytes, bytes]) -> str:
    """Returns the process's start in /metrics, in whatever unit, or "" if missing."""
    return headers.get(b"process-start-time-unix", b"").decode("latin-1")


def slots(answer: bytes) -> tuple[int, int]:
    """Returns the number of slots in /slots, and how many are busy. Raises ValueError."""
    states = _PROCESSING.findall(answer)
    if not states:
        raise ValueError("/slots lists no slots")
    return len(states), states.count(b"true")


def work(answer: bytes) -> tuple[Work, ...]:
    """Returns the progress of the busy slots in /slots, leaving out those without numbers.

    `is_processing` must come before the other fields of its slot.
    """
    found: list[dict[bytes, bytes]] = []
    for name, value in _DONE.findall(answer):
        if name == b"is_processing":
            found.append({})
        if found:
            found[-1].setdefault(name, value)
    return tuple(
        Work(int(each[b"id_task"]), int(each[b"n_decoded"]), int(each[b"n_remain"]))
        for each in found
        if each[b"is_processing"] == b"true" and len(each) == _FIELDS_OF_WORK
    )


def leases(
    body: bytes, headers: Mapping[bytes, bytes]
) -> tuple[Mapping[int, int], frozenset[int]] | None:
    """Returns how many slots in /slots work for each lease, and which leases wait for a slot.

    Returns None for a llama-server without our patch.
    """
    waiting = headers.get(b"x-llmstack-waiting")
    if waiting is None:
        return None
    shown = Counter(_ids(_LEASE.findall(body)))
    return shown, frozenset(_ids(waiting.split(b",")))


def keeps_apart(props: bytes) -> bool:
    """True if /props says that the replica keeps apart what it caches under different salts."""
    answer = json.loads(props)
    ours = answer.get("llmstack") if isinstance(answer, dict) else None
    return isinstance(ours, dict) and ours.get("salt") == 1


def _ids(names: list[bytes]) -> list[int]:
    return [number for name in names if (number := lease_number(name)) is not None]


def deferred(metrics: bytes) -> int | None:
    """Returns the number of requests waiting inside the server, or None if missing."""
    found = _DEFERRED.search(metrics)
    try:
        return int(float(found[1])) if found else None
    except ValueError:
        return None
