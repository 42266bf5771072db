"""How does one wait for a condition of an object without asking over and over?

kubectl watches; each change is one line. Where the watch ends by itself (the API server went away),
it is started again until the time is up.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Condition = dict[str, Any]
Conditions = dict[str, Condition]
"""Conditions by their type."""

PAUSE = 0.5
"""Between the end of one watch and the start of the next, in seconds."""


def only(name: str) -> tuple[str, ...]:
    """How is one object watched, so that no change of it is missed?

    As a list. Of one that is named kubectl asks first and then watches from that later moment on,
    and it leaves out what the watch tells first: a change between the two shows never.
    """
    return (f"--field-selector=metadata.name={name}",)


def conditions(
    kubectl: Sequence[str | Path], namespace: str, name: str, seconds: float
) -> Iterator[Conditions]:
    """The conditions of an LLMDeployment now and after each change; ends when the time is up.

    A condition about an older generation of the spec is no answer yet, so it is left out.
    """
    watch = ("get", "llmdeployments", *only(name), f"--namespace={namespace}", "--watch")
    command = [*kubectl, *watch]
    line = '--output=jsonpath={.metadata.generation} {.status.conditions}{"\\n"}'
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for text in _lines([*command, line], left):
            generation, _, found = text.partition(" ")
            yield {
                each["type"]: each
                for each in json.loads(found or "[]")
                if each.get("observedGeneration") == int(generation)
            }
        time.sleep(min(PAUSE, max(0.0, deadline - time.monotonic())))


def _lines(command: Sequence[str | Path], seconds: float) -> Iterator[str]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            for text in process.stdout:
                yield text.strip()
        finally:
            timer.cancel()
            process.kill()
