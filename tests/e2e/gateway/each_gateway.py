"""How does a test look at each gateway, where the Service leads to any of them?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from bench.stack import is_ready
from llmstack.desired.secret import load_key, read_root
from tests.e2e.cluster.processes import wait_until
from tests.e2e.scaling.killing import pods
from tests.e2e.stack.release import GATEWAY, NAMESPACE
from tests.e2e.stack.stack import Object, Stack

HERE = f"--namespace={NAMESPACE}"
LABEL = "test.llmstack.dev/gateway"
ASK = """
import sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:9090/load")
request.add_header("Authorization", f"Bearer {sys.argv[1]}")
print(urllib.request.urlopen(request, timeout=5).read().decode())
"""


def staying(stack: Stack) -> list[Object]:
    """The gateways that are ready, and that nobody has told to end."""
    found = pods(stack, "gateway")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]


def names(stack: Stack) -> list[str]:
    """The names of those."""
    return [pod["metadata"]["name"] for pod in staying(stack)]


def wait_for(stack: Stack, number: int, but: str = "") -> None:
    """Until there are so many, and `but` is none of them."""

    def there() -> bool:
        found = names(stack)
        return len(found) == number and but not in found

    wait_until(there, f"{number} gateways", 120)


def scale(stack: Stack, number: int) -> None:
    """Has so many gateways run. Waits until they are ready and all others are on their way out."""
    stack.kubectl("scale", f"deployment/{GATEWAY}", HERE, f"--replicas={number}")
    wait_for(stack, number)


@contextmanager
def service_of(stack: Stack, name: str) -> Iterator[str]:
    """The URL of this very gateway, by a Service of its own. What runs through it goes on when the
    pod is told to end.
    """
    stack.kubectl("label", "pod", name, HERE, f"{LABEL}={name}", "--overwrite")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": {LABEL: name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }
    stack.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(service))
    url = stack.cluster.forward(NAMESPACE, name, 80)
    wait_until(lambda: _answers(url), f"the Service of {name} to lead there", 30)
    try:
        yield url
    finally:
        stack.kubectl("delete", "service", name, HERE)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


def load_of(stack: Stack) -> Callable[[str], Any]:
    """What the owner of a model says of it on its /load, asked as the operator asks: a function
    of the model's full name. While a model moves from one gateway to another it gives None.
    """
    secret = json.loads(stack.kubectl("get", "secret", "llm-stack-root", HERE, "--output=json"))
    root = read_root(secret)
    assert root is not None
    key = load_key(root)

    def ask(model: str) -> Any:
        pages = [_page(stack, name, key) for name in names(stack)]
        told = [page["models"][model] for page in pages if model in page["models"]]
        return max(told, key=lambda each: each.get("term", 0), default=None)

    return ask


def _page(stack: Stack, name: str, key: str) -> Any:
    return json.loads(stack.kubectl("exec", name, HERE, "--", "python3", "-c", ASK, key))
