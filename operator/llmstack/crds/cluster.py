"""How does the definition get into a cluster, and out again?

    read it ─> api.crd_update.plan ─> apply, as the object that was read ─> wait until it is served

Whoever changes it in between is a conflict: then all of it is decided anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from llmstack.api import crd
from llmstack.api.crd_update import (
    DefinitionRefused,
    Update,
    established,
    name_conflict,
    plan,
    version_of,
)
from llmstack.kube.client import KubeClient
from llmstack.kube.cluster_access import connect
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import DEFINITION
from llmstack.kube.transport import Transport
from llmstack.version import VERSION

MANAGER = "llmstack-crds"
_CALL_SECONDS = 10.0
_LOOK_SECONDS = 0.2

Object = dict[str, Any]


async def with_client(
    environ: Mapping[str, str], use: Callable[[KubeClient], Awaitable[str]]
) -> str:
    """What `use` returns. Its client writes without a Lease: nobody else writes definitions."""
    connection = await connect(environ.get("KUBECONFIG", ""), environ)
    agent = f"llmstack-crds/{VERSION}"
    transport = Transport(connection, agent, _CALL_SECONDS, lambda: None, lambda *_: None)
    try:
        return await use(KubeClient(transport))
    finally:
        await transport.close()


async def apply(client: KubeClient, seconds: float) -> str:
    """What was done, in words; then the API server serves the definition.

    Raises DefinitionRefused, ApiError, or TimeoutError after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        live = await client.get(DEFINITION, None, crd.NAME)
        if live and plan(live, crd.definition()) is Update.KEEP:
            return (
                f"{crd.NAME}: version {version_of(live)} is in the cluster and is not replaced: "
                f"objects may use fields that version {VERSION} does not know."
            )
        try:
            await client.apply(_over(live), MANAGER)
        except ApiError as error:
            if not error.conflict or time.monotonic() > deadline:
                raise
            continue
        await _until(client, _served, "the API server to serve it", deadline)
        return f"{crd.NAME}: version {VERSION} is served; the previous one was {_words(live)}."


async def delete(client: KubeClient, seconds: float) -> str:
    """What was done, in words; then the definition and all its objects are gone."""
    deadline = time.monotonic() + seconds
    live = await client.get(DEFINITION, None, crd.NAME)
    if live is None:
        return f"{crd.NAME}: is not in the cluster."
    await client.delete(DEFINITION, "", crd.NAME, live["metadata"]["uid"])
    await _until(client, lambda now: now is None, "its objects to be gone", deadline)
    return f"{crd.NAME}: deleted, and every LLMDeployment with it."


def _over(live: Object | None) -> Object:
    """Our definition, to be applied over the very object that was read."""
    ours = crd.definition()
    if live:
        ours["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    return ours


def _words(live: Object | None) -> str:
    return "not there" if live is None else version_of(live) or "of an unknown version"


def _served(live: Object | None) -> bool:
    if live is None:
        return False
    if taken := name_conflict(live):
        raise DefinitionRefused(f"{crd.NAME}: the API server rejects its names: {taken}")
    return established(live)


async def _until(
    client: KubeClient, is_so: Callable[[Object | None], bool], what: str, deadline: float
) -> None:
    while not is_so(await client.get(DEFINITION, None, crd.NAME)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{crd.NAME}: timed out waiting for {what}.")
        await asyncio.sleep(_LOOK_SECONDS)
