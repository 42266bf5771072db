"""How fast does an applied LLMDeployment become pods, and then Ready? How large is the operator?

    python -m bench.stack [--deployments 20] [--starts 5] [--write]

On a bare cluster of its own with the stack installed by helm, as the end-to-end tests have it.

- apply → pod created: from just before the request until the watch shows the pod. The pods ask for
  a device that no node has, so that none of them runs.
- apply → Ready with a cached model, less the load time that llama-server itself logs.
- resident memory of the operator: its own metric, after all that.

`--write` puts the table into docs/bench-stack.md.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.gateway.report import percentile
from bench.page import Row, write_table
from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack import images, source
from tests.e2e.stack.release import NAME, NAMESPACE, Release
from tests.e2e.stack.stack import Stack

_PAGE = Path(__file__).parents[1] / "docs" / "bench-stack.md"
SPACE = "bench"
_PATIENCE = 120.0
_LOADED = re.compile(r"^(\d+)\.(\d+)\.(\d+)\.(\d+) .*model loaded", re.MULTILINE)

Object = dict[str, Any]


@contextmanager
def installed() -> Iterator[tuple[BareCluster, Stack]]:
    """A cluster with the stack, which goes when the bench ends."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        cluster = BareCluster(Path(home), "bench")
        try:
            cluster.start()
            built = images.Build().wait()
            images.load(cluster, built.values())
            references = images.references(built)
            Release(cluster).install(references)
            source.serve(cluster, references)
            cluster.kubectl("create", "namespace", SPACE)
            yield cluster, Stack(cluster, SPACE, source.URL)
        finally:
            cluster.stop()


def seconds_until(
    api: httpx.Client, path: str, begin: Callable[[], None], is_so: Callable[[Object], bool]
) -> float:
    """From just before `begin()` until the watch of `path` shows an object that `is_so`."""
    query = {"watch": "true", "timeoutSeconds": str(int(_PATIENCE))}
    listed = api.get(path).raise_for_status().json()
    query["resourceVersion"] = listed["metadata"]["resourceVersion"]
    with api.stream("GET", path, params=query, timeout=_PATIENCE) as events:
        began = time.monotonic()
        begin()
        for line in events.iter_lines():
            if is_so(json.loads(line)["object"]):
                return time.monotonic() - began
    raise SystemExit(f"nothing happened at {path} within {_PATIENCE:.0f} s")


def apply(api: httpx.Client, body: Object) -> None:
    """Server-side apply of one LLMDeployment."""
    path = f"/apis/llmstack.dev/v1alpha1/namespaces/{SPACE}/llmdeployments"
    answer = api.patch(
        f"{path}/{body['metadata']['name']}",
        params={"fieldManager": "bench"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        content=json.dumps(body),
    )
    answer.raise_for_status()


def pod_created(api: httpx.Client, stack: Stack, name: str) -> float:
    """Seconds from the apply to the pod."""
    nowhere = {"vendor": "nvidia"}
    body = stack.sample(name, accelerator=nowhere, engine={"image": "bench.invalid/none:1"})
    return seconds_until(
        api,
        f"/api/v1/namespaces/{SPACE}/pods",
        lambda: apply(api, body),
        lambda pod: pod["metadata"]["labels"].get("llmstack.dev/deployment") == name,
    )


def ready(api: httpx.Client, stack: Stack, name: str) -> tuple[float, float]:
    """Seconds from the apply to Ready, and those that llama-server took to load the model."""
    cache = {"size": "1Gi", "storageClassName": "shared", "accessMode": "ReadWriteMany"}
    body = stack.sample(name, cache=cache)
    whole = seconds_until(
        api,
        f"/apis/llmstack.dev/v1alpha1/namespaces/{SPACE}/llmdeployments",
        lambda: apply(api, body),
        lambda found: found["metadata"]["name"] == name and is_ready(found),
    )
    return whole, load_seconds(stack, name)


def is_ready(body: Object) -> bool:
    """True if the condition Ready of an object says so."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def load_seconds(stack: Stack, name: str) -> float:
    """From the start of the process to `model loaded`, by the server's own clock."""
    # The kubelet gives no log of a container before it has seen that it runs.
    stack.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
    log = stack.kubectl("logs", f"deployment/{name}", "--container=llama-server")
    found = _LOADED.search(log)
    if found is None:
        raise SystemExit(f"llama-server of {name} does not say when its model was loaded")
    minutes, seconds, milliseconds, _ = (int(part) for part in found.groups())
    return 60 * minutes + seconds + milliseconds / 1000


def operator_mib(cluster: BareCluster) -> float:
    """Resident memory by the operator's own metric."""
    url = cluster.forward(NAMESPACE, NAME, 8080)
    metrics = httpx.get(f"{url}/metrics").raise_for_status().text
    (line,) = re.findall(r"^process_resident_memory_bytes (\S+)$", metrics, re.MULTILINE)
    return float(line) / 2**20


def measure(deployments: int, starts: int) -> list[Row]:
    """The rows of the table."""
    with installed() as (cluster, stack), cluster.client() as api:
        ready(api, stack, "fills-the-cache")
        stack.delete("fills-the-cache")
        begun = []
        for index in range(starts):
            begun.append(ready(api, stack, f"start-{index}"))
            stack.delete(f"start-{index}")
        created = [pod_created(api, stack, f"pod-{index}") for index in range(deployments)]
        memory = operator_mib(cluster)
    over = [whole - load for whole, load in begun]
    loads = statistics.median(load for _, load in begun)
    return [
        Row(
            f"apply → pod created, p95 of {deployments}",
            f"{percentile(created, 0.95):.2f} s",
            "≤ 1 s",
        ),
        Row("apply → pod created, median", f"{statistics.median(created):.2f} s", ""),
        Row(
            f"apply → Ready, model cached, median of {starts}",
            f"{statistics.median(whole for whole, _ in begun):.1f} s",
            "",
        ),
        Row("… of which llama-server loads", f"{loads:.1f} s", ""),
        Row("… over the load time", f"{statistics.median(over):.1f} s", "≤ 3 s"),
        Row("operator: resident memory", f"{memory:.0f} MiB", "≤ 120 MB (114 MiB)"),
    ]


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.stack")
    parser.add_argument("--deployments", type=int, default=20)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = measure(options.deployments, options.starts)
    counts = f"--deployments {options.deployments} --starts {options.starts}"
    write_table(rows, f"python -m bench.stack {counts}", _PAGE if options.write else None)


if __name__ == "__main__":
    main()
