"""Which objects of a kind are there? Their names and uids alone.

The API server leaves the rest out (PartialObjectMetadataList), which makes a list of thousands of
pods small.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import aiohttp

from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.errors import TIMEOUT, UNREACHABLE, ApiError, from_answer
from llmstack.kube.objects import Object, Place, place_of
from llmstack.kube.paging import pages
from llmstack.kube.session import open_watch_session

ACCEPT = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_SECONDS = 30.0


@dataclass(frozen=True)
class Listing:
    """Namespace and name of each object by uid, all at one version of the cluster."""

    version: int
    places: Mapping[str, Place]


class Identities:
    """Lists over a session that can only read, which lasts no longer than one list."""

    def __init__(self, connection: ClusterAccess, agent: str) -> None:
        self._connection = connection
        self._agent = agent

    async def list(self, path: str, labels: str) -> Listing:
        """All objects of a collection that carry the labels. Raises ApiError."""
        async with open_watch_session(self._connection, self._agent, lambda _: None) as session:
            return await _list(session, self._connection.server + path, labels)


async def _list(session: aiohttp.ClientSession, url: str, labels: str) -> Listing:
    places: dict[str, Place] = {}
    version = ""
    selector = {"labelSelector": labels} if labels else {}
    async for page in pages(partial(_page, session, url), selector):
        version = page["metadata"]["resourceVersion"]
        for item in page.get("items") or ():
            places[item["metadata"]["uid"]] = place_of(item["metadata"])
    return Listing(int(version), places)


async def _page(session: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> Object:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with session.get(
            url, params=query, headers={"Accept": ACCEPT}, timeout=timeout
        ) as answer:
            text = await answer.text()
    except TimeoutError as error:
        raise ApiError(0, TIMEOUT, f"GET {url}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ApiError(0, UNREACHABLE, f"GET {url}: {error or repr(error)}") from error
    if answer.status >= 400:
        raise from_answer(answer.status, text)
    found: Object = json.loads(text)
    return found
