"""Which objects exist, and which change? A list and then a watch, for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

Object = dict[str, Any]
# Longer than the server keeps a watch open, so that a silent connection is noticed.
WATCH_SECONDS = 60


def follow(client: httpx.Client, path: str, act: Callable[[Object], None]) -> None:
    """Calls `act` with every object under `path`, and again whenever it changes; never returns.

    Where the API server is away or `act` fails, everything is listed anew: `act` has to decide by
    the object alone.
    """
    while True:
        try:
            _list_then_watch(client, path, act)
        except (httpx.HTTPError, OSError) as error:
            print(f"{path}: {error}; listing again", flush=True)
            time.sleep(1)


def _list_then_watch(client: httpx.Client, path: str, act: Callable[[Object], None]) -> None:
    answer = client.get(path).raise_for_status().json()
    for found in answer["items"]:
        act(found)
    parameters: dict[str, str | int] = {
        "watch": "1",
        "resourceVersion": answer["metadata"]["resourceVersion"],
        "timeoutSeconds": WATCH_SECONDS,
    }
    patience = httpx.Timeout(10, read=WATCH_SECONDS + 10)
    with client.stream("GET", path, params=parameters, timeout=patience) as events:
        events.raise_for_status()
        for line in events.iter_lines():
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            if event["type"] != "DELETED":
                act(event["object"])
