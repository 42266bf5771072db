"""When did the API server's watches show what a start waits for?"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from bench.stack import is_ready

Object = dict[str, Any]
PATIENCE = 120.0


class Marks:
    """Moments of one start, each the first time that something was so."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self.pod = ""
        self._changed = threading.Condition()

    def put(self, name: str, when: float) -> None:
        """Unless it has happened before."""
        with self._changed:
            self.found.setdefault(name, when)
            self._changed.notify_all()

    def wait_for(self, *names: str) -> None:
        """Until all of these have happened. SystemExit says which has not."""

        def there() -> bool:
            return set(names) <= self.found.keys()

        with self._changed:
            if not self._changed.wait_for(there, PATIENCE):
                raise SystemExit(f"{sorted(set(names) - self.found.keys())} did not happen")


class Watches:
    """Fills the marks of what starts for the LLMDeployment `name`."""

    def __init__(self, api: httpx.Client, namespace: str, name: str) -> None:
        self.marks = Marks()
        self._api = api
        self._name = name
        llmd = f"/apis/llmstack.dev/v1alpha1/namespaces/{namespace}/llmdeployments"
        self._begin(f"/api/v1/namespaces/{namespace}/pods", self._pod)
        self._begin(llmd, self._deployment)

    def _begin(self, path: str, take: Callable[[Object, float], None]) -> None:
        """Follows from now on; the watch ends by itself."""
        listed = self._api.get(path).raise_for_status().json()
        query = {
            "watch": "true",
            "timeoutSeconds": str(int(PATIENCE)),
            "resourceVersion": listed["metadata"]["resourceVersion"],
        }

        def follow() -> None:
            # The bench may end before the watch does, and takes the API server with it.
            with (
                suppress(httpx.TransportError),
                self._api.stream("GET", path, params=query, timeout=2 * PATIENCE) as events,
            ):
                for line in events.iter_lines():
                    now = time.time()
                    take(json.loads(line)["object"], now)

        threading.Thread(target=follow, daemon=True).start()

    def _pod(self, body: Object, now: float) -> None:
        if body["metadata"]["labels"].get("llmstack.dev/deployment") != self._name:
            return
        self.marks.pod = body["metadata"]["name"]
        self.marks.put("pod created", now)
        if body["spec"].get("nodeName"):
            self.marks.put("scheduled", now)
        for condition in body["status"].get("conditions", ()):
            if (condition["type"], condition["status"]) == ("Ready", "True"):
                self.marks.put("pod ready", now)

    def _deployment(self, body: Object, now: float) -> None:
        if body["metadata"]["name"] == self._name and is_ready(body):
            self.marks.put("Ready", now)
