"""What would one operator with 10,000 LLMDeployments take?

    python -m bench.many.simulated [--counts 1000,10000] [--write]

No cluster on two cores carries so many, so only the operator is real: its store, its passes and
what they decide. A dictionary answers its calls, and each deployment is brought to Ready as watches
would tell of it. Each count has a process of its own. What kopf and TLS take is not in it.

`--write` puts the table into docs/many.md.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from bench.many.burst import deployment, keys
from bench.many.process import resident_mib
from bench.page import dated, put
from llmstack.api.key import Key
from llmstack.controller.parts import Parts
from llmstack.kube.client import identify
from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.kinds import DEPLOYMENT, LLM_DEPLOYMENT, POD, Kind, kind_of
from llmstack.settings.operator import OperatorSettings

_PAGE = Path(__file__).parents[2] / "docs" / "many.md"
_COMMAND = "python -m bench.many.simulated"
_SETTINGS = {
    "POD_NAMESPACE": "llm-stack",
    "LLMSTACK_RESYNC_SECONDS": "86400",  # It is asked for here, not waited for.
    "LLMSTACK_IMAGE_FETCH": "llmstack:1",
    "LLMSTACK_IMAGE_SERVER_CPU": "llama-server:1",
    "LLMSTACK_GATEWAY_HOST": "llm-stack-gateway.llm-stack.svc",
    "LLMSTACK_GATEWAY_PODS": "app.kubernetes.io/component=gateway",
}
_REPLICAS = 2

Object = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What one operator takes with `count` deployments that are all Ready."""

    count: int
    objects: int
    resident: float
    listed: int
    """Bytes of all objects, as a first listing brings them."""
    told: float
    """CPU seconds to take all of them over once more."""
    settled: int
    """Calls of a pass over each, right after the last one."""
    resync: float
    """CPU seconds of a pass over each."""


class Answers:
    """An API server that knows what it was given, and counts what it is asked."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Kind, str, str], Object] = {}
        self.calls = 0
        self._version = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self.calls += 1
        found = self.objects.get((kind, namespace, name))
        return json.loads(json.dumps(found)) if found else None

    async def apply(self, body: Object, manager: str, **_: object) -> Object:
        return self.put(body, manager)

    async def create(self, body: Object) -> Object:
        return self.put(body, "operator") if body["kind"] != "Event" else body

    def put(self, body: Object, manager: str) -> Object:
        """Keeps what is applied over what there was, as far as this simulation needs it."""
        self.calls += 1
        self._version += 1
        place = identify(body)
        old = self.objects.get(
            place, {"metadata": {"uid": f"uid-{self._version}", "generation": 1}}
        )
        metadata = {**old["metadata"], **body["metadata"], "resourceVersion": str(self._version)}
        spec = {**old.get("spec", {}), **body.get("spec", {})}
        fields = [{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
        managed = {"managedFields": fields} if "replicas" in spec else {}
        whole = {**old, **body, "metadata": {**metadata, **managed}}
        self.objects[place] = {**whole, "spec": spec} if spec else whole
        return cast(Object, json.loads(json.dumps(self.objects[place])))


async def measured(count: int) -> Result:
    """Brings so many deployments to Ready, and looks at all of them once more."""
    answers = Answers()
    parts = Parts(OperatorSettings.from_env(_SETTINGS), cast(ClusterAccess, None))
    parts.__dict__["client"] = answers
    wanted = [Key(*key) for key in keys(count)]
    for key in wanted:
        body = answers.put(deployment((key.namespace, key.name), autoscaled=False), "user")
        body["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
        parts.sight.note(LLM_DEPLOYMENT, body)
        await parts.reconciler.reconcile(key)
        _get_ready(answers, parts, key)
        await parts.reconciler.reconcile(key)
    calls, cpu = answers.calls, time.process_time()
    for key in wanted:
        await parts.reconciler.reconcile(key)
    resync, settled = time.process_time() - cpu, answers.calls - calls
    listed, told = _list_again(answers, parts)
    ready = sum(_is_ready(parts, key) for key in wanted)
    assert ready == count, f"{ready} of {count} are Ready: this measures something else"
    objects = len(answers.objects)
    answers.objects.clear()
    _trim()
    return Result(count, objects, resident_mib(os.getpid()), listed, told, settled, resync)


def _get_ready(answers: Answers, parts: Parts, key: Key) -> None:
    """What the controllers and kubelets of a cluster make of the Deployment."""
    live = answers.objects[DEPLOYMENT, key.namespace, key.name]
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {"observedGeneration": 1, **dict.fromkeys(names, _REPLICAS)}
    parts.sight.note(DEPLOYMENT, answers.put({**live, "status": status}, "controller"))
    for number in range(_REPLICAS):
        parts.sight.note(POD, answers.put(_pod(live, number), "kubelet"))


def _pod(owner: Object, number: int) -> Object:
    template = owner["spec"]["template"]
    metadata = {
        **template["metadata"],
        "namespace": owner["metadata"]["namespace"],
        "name": f"{owner['metadata']['name']}-{number}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    now = "2026-01-01T00:00:30Z"
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds]
    container = {"name": "server", "ready": True, "restartCount": 0, "started": True}
    status = {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "conditions": conditions,
        "containerStatuses": [{**container, "state": {"running": {"startedAt": now}}}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": status,
    }


def _list_again(answers: Answers, parts: Parts) -> tuple[int, float]:
    """Bytes, and CPU seconds to parse and take over, of all objects told once more."""
    texts = [json.dumps(body) for body in answers.objects.values()]
    cpu = time.process_time()
    for text in texts:
        body = json.loads(text)
        if body["kind"] not in ("Secret", "ConfigMap"):
            parts.sight.note(kind_of(body["apiVersion"], body["kind"]), body)
    return sum(map(len, texts)), time.process_time() - cpu


def _is_ready(parts: Parts, key: Key) -> bool:
    body = parts.sight.store.get(LLM_DEPLOYMENT, key.namespace, key.name) or {}
    conditions = body.get("status", {}).get("conditions", ())
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _trim() -> None:
    """Gives back what nobody holds: the made-up API server is none of the operator's memory."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def table(results: list[Result]) -> str:
    """One column for each count."""
    rows = [
        ("objects that are watched or read", [f"{r.objects:,}" for r in results]),
        ("resident memory, without kopf's watches", [f"{r.resident:.0f} MiB" for r in results]),
        ("a first listing of them", [f"{r.listed / 2**20:.0f} MiB" for r in results]),
        ("… CPU to take it over", [f"{r.told:.1f} s" for r in results]),
        ("CPU of a pass over each", [f"{r.resync:.1f} s" for r in results]),
        ("… its calls", [str(r.settled) for r in results]),
    ]
    head = " | ".join(f"{result.count:,}" for result in results)
    lines = [f"| LLMDeployments, all Ready | {head} |", "|---|" + "---|" * len(results)]
    return "\n".join([*lines, *(f"| {what} | {' | '.join(cells)} |" for what, cells in rows)])


def main() -> None:
    """Measure each count in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(prog=_COMMAND)
    parser.add_argument("--counts", default="1000,10000")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(asdict(asyncio.run(measured(options.one)))))
        return
    results = []
    for count in options.counts.split(","):
        command = [sys.executable, "-m", "bench.many.simulated", "--one", count]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(Result(**json.loads(answer.splitlines()[-1])))
    text = dated(table(results), f"{_COMMAND} --counts {options.counts}")
    print(text)
    if options.write:
        put(text, _PAGE)


if __name__ == "__main__":
    main()
