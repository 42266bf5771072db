"""Clients whose every byte is known beforehand.

A grammar that admits exactly one text: whatever the model would say, it says this, to its end. So
each answer can be compared whole, and its length sets how long it takes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.release import GATEWAY, NAMESPACE
from tests.e2e.stack.stack import GATEWAY_PORT, Stack

PATIENCE = 600.0


def text_of(tokens: int) -> str:
    """A text of at least so many tokens: this model knows digits and spaces one by one."""
    words: list[str] = []
    length = 0
    while length <= tokens:
        words.append(str(len(words) + 1))
        length += len(words[-1]) + 1
    return " ".join(words)


@dataclass
class Answer:
    """One stream: its moments (time.monotonic), and what came."""

    began: float
    first: float = 0.0
    ended: float = 0.0
    text: str = ""
    replica: str = ""
    error: str = ""

    @property
    def seconds(self) -> float:
        """From its first token to its end."""
        return self.ended - self.first


@dataclass
class Client:
    """Asks one model at the gateway."""

    url: str
    model: str
    answers: list[Answer] = field(default_factory=list)
    """Those that have ended."""
    asked: list[Answer] = field(default_factory=list)
    """All, in the order in which they were asked for."""
    comments: int = 0

    @classmethod
    def of(cls, stack: Stack, name: str) -> Client:
        url = stack.cluster.forward(NAMESPACE, GATEWAY, GATEWAY_PORT)
        return cls(url, stack.full_name(name))

    def stream(self, text: str) -> Answer:
        """One stream of `text`. What goes wrong is in the answer."""
        answer = Answer(time.monotonic())
        self.asked.append(answer)
        try:
            self._stream(text, answer)
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            answer.error = repr(error)
        answer.ended = time.monotonic()
        if answer.text != text and not answer.error:
            answer.error = f"{len(answer.text)} of {len(text)} characters: …{answer.text[-60:]!r}"
        self.answers.append(answer)
        return answer

    def _stream(self, text: str, answer: Answer) -> None:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Count."}],
            "grammar": f"root ::= {json.dumps(text)}",
            "temperature": 0,
            "stream": True,
        }
        url = f"{self.url}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, timeout=PATIENCE, trust_env=False) as found:
            if found.is_error:
                raise ValueError(f"{found.status_code}: {found.read().decode()}")
            answer.replica = found.headers.get("x-llmstack-replica", "")
            last = ""
            for line in found.iter_lines():
                last = line or last
                self.comments += line.startswith(":")
                take(line, answer)
            if last != "data: [DONE]":
                raise ValueError(f"its last line is {last!r}")


def take(line: str, answer: Answer) -> None:
    """One line of the stream. ValueError where it is an error event."""
    if not line.startswith("data: {"):
        return
    event: Any = json.loads(line.removeprefix("data: "))
    if "error" in event:
        raise ValueError(line)
    for choice in event["choices"]:
        said = choice["delta"].get("content") or ""
        if said and not answer.text:
            answer.first = time.monotonic()
        answer.text += said


def text_that_lasts(client: Client, seconds: float) -> str:
    """So long that a stream of it takes so many seconds also where it is alone, as it is now."""
    tried = text_of(80)
    answer = client.stream(tried)
    assert not answer.error, answer.error
    return text_of(round(1.25 * seconds * len(tried) / answer.seconds))


class Crowd:
    """So many streams at once, each followed by another one for as long as so many are wanted."""

    def __init__(self, client: Client, text: str) -> None:
        self.client = client
        self._text = text
        self._lock = threading.Lock()
        self._running = 0
        self._wanted = 0

    @property
    def answers(self) -> list[Answer]:
        """Those that have ended."""
        return list(self.client.answers)

    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.error]

    def want(self, count: int) -> None:
        """From now on so many; those that are too many come to their own end."""
        with self._lock:
            self._wanted = count
            missing = max(0, count - self._running)
            self._running += missing
        for _ in range(missing):
            threading.Thread(target=self._ask, daemon=True).start()

    def wait_for_end(self, seconds: float = PATIENCE) -> None:
        """No more are wanted; until the last one has ended."""
        self.want(0)
        wait_until(lambda: not self._running, "the last stream to end", seconds)

    def wait_for_more(self, count: int, seconds: float = PATIENCE) -> None:
        """Until so many more have ended."""
        goal = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= goal, f"{count} more streams to end", seconds)

    def _ask(self) -> None:
        while self._goes_on():
            if self.client.stream(self._text).error:
                # Nobody storms a gateway that is away.
                time.sleep(0.5)

    def _goes_on(self) -> bool:
        with self._lock:
            more = self._running <= self._wanted
            self._running -= not more
            return more


@contextmanager
def crowd(stack: Stack, name: str, text: str) -> Iterator[Crowd]:
    """Nobody yet; at the end nobody asks anew."""
    found = Crowd(Client.of(stack, name), text)
    try:
        yield found
    finally:
        found.want(0)
