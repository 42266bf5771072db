"""May this user ask for that? The API server decides (SubjectAccessReview); its word lasts seconds.

The API server has asked the same before it passed the request on. It is asked again, so that a
mistake there does not open anything here.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from llmstack.kube.client import KubeClient
from llmstack.metricsapi.answer import question
from llmstack.metricsapi.documents import METRICS_GROUP, RESOURCE
from llmstack.metricsapi.front_proxy import User

CACHE_SECONDS = 10.0
_CACHED = 1000


class Access:
    """The API server's words, remembered for a short time."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[tuple[User, str], tuple[float, str]] = OrderedDict()

    async def refusal(self, user: User, path: str) -> str:
        """Return why this user may not GET this path, or "" if they may. Raises ApiError."""
        asked, now = (user, path), self._clock()
        known = self._known.get(asked)
        if known and now < known[0] + CACHE_SECONDS:
            return known[1]
        answer = await self._client.create(build_review(user, path))
        word = read_review(answer, user, path)
        self._known[asked] = (now, word)
        self._known.move_to_end(asked)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return word


def build_review(user: User, path: str) -> dict[str, Any]:
    """The question to the API server."""
    spec: dict[str, Any] = {
        "user": user.name,
        "groups": list(user.groups),
        "extra": {name: list(values) for name, values in user.extra},
    }
    if user.uid:
        spec["uid"] = user.uid
    if asked := question(path):
        spec["resourceAttributes"] = {
            "verb": "get",
            "group": METRICS_GROUP,
            "version": asked.version,
            "namespace": asked.namespace,
            "resource": RESOURCE,
            "subresource": asked.metric,
            "name": asked.name,
        }
    else:
        spec["nonResourceAttributes"] = {"verb": "get", "path": path}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": spec,
    }


def read_review(answer: dict[str, Any], user: User, path: str) -> str:
    """Parse the API server's review. Returns "" if access is allowed, else the reason."""
    status = answer.get("status") or {}
    if status.get("allowed") and not status.get("denied"):
        return ""
    reason = f": {status['reason']}" if status.get("reason") else ""
    return f'User "{user.name}" may not get {path}{reason}'
