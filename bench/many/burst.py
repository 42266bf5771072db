"""How long from the post of an LLMDeployment until its Deployment is there, and until Ready?"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from bench.many.world import NAMESPACES
from bench.stack import is_ready

LLMDEPLOYMENTS = "/apis/llmstack.dev/v1alpha1"
DEPLOYMENTS = "/apis/apps/v1/deployments"
_POSTING = 8
_WATCH_SECONDS = 3600
_PATIENCE = 120.0
"""An API server that shares two cores with all else may take long for one post."""

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


def deployment(key: Key, *, autoscaled: bool) -> Object:
    """A small LLMDeployment; with two replicas, or an HPA between one and four."""
    scaling = {"autoscaling": {"maxReplicas": 4}} if autoscaled else {"replicas": 2}
    return {
        "apiVersion": "llmstack.dev/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"namespace": key[0], "name": key[1]},
        "spec": {
            "model": {"source": "http://models.internal/model.gguf"},
            "accelerator": {"vendor": "cpu"},
            **scaling,
        },
    }


def keys(count: int, prefix: str = "model") -> list[Key]:
    """So many names, dealt to the namespaces in turn."""
    return [(NAMESPACES[n % len(NAMESPACES)], f"{prefix}-{n}") for n in range(count)]


def post(api: httpx.Client, bodies: Sequence[Object]) -> dict[Key, float]:
    """Posts LLMDeployments, several at once. Returns when each was accepted."""

    def one(body: Object) -> tuple[Key, float]:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        path = f"{LLMDEPLOYMENTS}/namespaces/{namespace}/llmdeployments"
        api.post(path, json=body, timeout=_PATIENCE).raise_for_status()
        return (namespace, name), time.monotonic()

    with ThreadPoolExecutor(_POSTING) as pool:
        return dict(pool.map(one, bodies))


class Seen:
    """When did the watch show each object for the first time, and when was it Ready first?"""

    def __init__(self) -> None:
        self.created: dict[Key, float] = {}
        self.ready: dict[Key, float] = {}
        self.changed = threading.Condition()

    def take(self, event: Object) -> None:
        """One event of the watch."""
        body, now = event["object"], time.monotonic()
        key = body["metadata"]["namespace"], body["metadata"]["name"]
        with self.changed:
            self.created.setdefault(key, now)
            if is_ready(body):
                self.ready.setdefault(key, now)
            self.changed.notify_all()

    def wait(self, which: dict[Key, float], wanted: Sequence[Key], seconds: float) -> int:
        """Waits until all of them are in `which`. Returns how many were missing at the end."""
        with self.changed:
            self.changed.wait_for(lambda: all(key in which for key in wanted), seconds)
            return sum(key not in which for key in wanted)


@contextmanager
def watching(api: httpx.Client, path: str) -> Iterator[Seen]:
    """What is under the path, and what comes, seen by a watch in a thread of its own."""
    seen = Seen()
    version, over = _list(api, path, seen), threading.Event()
    follow = (api, path, version, seen, over)
    thread = threading.Thread(target=_follow, args=follow, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()


def _list(api: httpx.Client, path: str, seen: Seen) -> str:
    """Takes what there is. Returns its version."""
    listed = api.get(path).raise_for_status().json()
    for item in listed["items"]:
        seen.take({"object": item})
    return str(listed["metadata"]["resourceVersion"])


def _follow(api: httpx.Client, path: str, version: str, seen: Seen, over: threading.Event) -> None:
    """Watches; and again, when an API server that is kept busy has cut the stream."""
    while not over.is_set():
        query = {
            "watch": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
            "resourceVersion": version,
        }
        with (
            suppress(httpx.HTTPError),
            api.stream("GET", path, params=query, timeout=_WATCH_SECONDS) as events,
        ):
            for line in _lines(events.iter_raw()):
                seen.take(json.loads(line))
        if not over.wait(0.5):
            with suppress(httpx.HTTPError):
                version = _list(api, path, seen)


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Cut at line feeds alone: a JSON text may hold other characters that end a line."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from lines
