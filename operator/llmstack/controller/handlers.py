"""What is called when something happens in the cluster?

kopf calls these functions. Each only passes on what it was told: `memo` is this process's Watching
(watch.py), whose Sight stores the news and asks for passes. Only `on.event` is used for objects: it
sets no finalizer, writes no annotation and retries nothing (ADR 5).

Secrets and ConfigMaps are not watched, because the operator has no right to list them (named.py).
"""

from typing import Any

import kopf

from llmstack.controller.watch import Watching, configure
from llmstack.kube import kinds
from llmstack.kube.kinds import Kind

REGISTRY = kopf.OperatorRegistry()
"""All handlers of the operator; filled below and then unchanged."""


def place(kind: Kind) -> tuple[str, str, str]:
    """Returns group, version and plural, as kopf's decorators take them."""
    return (*kind.group_version, kind.plural)


@kopf.on.startup(registry=REGISTRY)
async def begin(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Sets how kopf watches."""
    configure(settings)


@kopf.on.login(registry=REGISTRY)
async def login(memo: Watching, **_: Any) -> kopf.AiohttpSession:
    """Gives kopf a session that can only read."""
    return memo.login()


@kopf.on.cleanup(registry=REGISTRY)
async def end(memo: Watching, **_: Any) -> None:
    """Closes the sessions."""
    await memo.close()


@kopf.on.event(*place(kinds.LLM_DEPLOYMENT), registry=REGISTRY)
async def llmdeployment(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """An LLMDeployment was created, edited or deleted, or its status was written."""
    memo.told(kinds.LLM_DEPLOYMENT, event)


@kopf.on.event(*place(kinds.DEPLOYMENT), registry=REGISTRY)
async def deployment(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """The Deployment of the replicas changed, or the number of ready ones did."""
    memo.told(kinds.DEPLOYMENT, event)


@kopf.on.event(*place(kinds.SERVICE), registry=REGISTRY)
async def service(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A Service changed."""
    memo.told(kinds.SERVICE, event)


@kopf.on.event(*place(kinds.SERVICE_ACCOUNT), registry=REGISTRY)
async def service_account(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A ServiceAccount changed."""
    memo.told(kinds.SERVICE_ACCOUNT, event)


@kopf.on.event(*place(kinds.DISRUPTION_BUDGET), registry=REGISTRY)
async def disruption_budget(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A PodDisruptionBudget changed."""
    memo.told(kinds.DISRUPTION_BUDGET, event)


@kopf.on.event(*place(kinds.NETWORK_POLICY), registry=REGISTRY)
async def network_policy(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A NetworkPolicy changed."""
    memo.told(kinds.NETWORK_POLICY, event)


@kopf.on.event(*place(kinds.AUTOSCALER), registry=REGISTRY)
async def autoscaler(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A HorizontalPodAutoscaler changed, or its status did."""
    memo.told(kinds.AUTOSCALER, event)


@kopf.on.event(*place(kinds.JOB), registry=REGISTRY)
async def job(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A Job that proves an edit changed, or has ended."""
    memo.told(kinds.JOB, event)


@kopf.on.event(*place(kinds.CLAIM), registry=REGISTRY)
async def claim(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A claim of a cache was created, bound or deleted."""
    memo.told(kinds.CLAIM, event)


@kopf.on.event(*place(kinds.POD), registry=REGISTRY)
async def pod(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A replica or the pod of a Job changed its state."""
    memo.told(kinds.POD, event)


@kopf.on.event(*place(kinds.NODE), registry=REGISTRY)
async def node(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A node came, went, or offers other devices."""
    memo.told(kinds.NODE, event)


@kopf.on.event(*place(kinds.STORAGE_CLASS), registry=REGISTRY)
async def storage_class(event: kopf.RawEvent, memo: Watching, **_: Any) -> None:
    """A storage class changed."""
    memo.told(kinds.STORAGE_CLASS, event)
