"""How does a release go from one version to another while a model answers?

Streams that began before a step and end after it show whether it cut any. The gateway that a step
replaces has been told to end by then: the streams are what it still waits for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.provider import Provider
from tests.e2e.scaling.killing import leader, pods
from tests.e2e.scaling.models import CACHE, small
from tests.e2e.scaling.streams import Answer, Client, Crowd, text_that_lasts
from tests.e2e.stack import previous
from tests.e2e.stack.helm import Helm
from tests.e2e.stack.release import NAME, NAMESPACE, Release
from tests.e2e.stack.stack import Object, Stack

from .versions import Versions, previous_values

MODEL = "model"
STREAMS = 4
STREAM_SECONDS = 15.0
"""How long is one stream alone? With others it is longer than a step takes, and shorter than
gateway.drainSeconds, after which a gateway that stops cuts what still runs."""
_HERE = f"--namespace={NAMESPACE}"
_PATIENCE = ("--wait", "--timeout=3m")


@dataclass(frozen=True)
class Step:
    """What was done while streams ran, and when (time.monotonic)."""

    name: str
    began: float
    done: float
    told: float
    """Since then the gateway from before is on its way out."""
    streams: Crowd

    @property
    def seconds(self) -> float:
        """How long was one busy with it?"""
        return self.done - self.began

    def answers(self) -> list[Answer]:
        """The streams that ran, once all of them have ended."""
        self.streams.wait_for_end()
        return self.streams.answers

    def crossed(self) -> int:
        """How many were under way from before the step until after it?"""
        return sum(each.first < self.began and self.told < each.ended for each in self.answers())


class Life:
    """A release in a cluster, and a model that answers."""

    def __init__(self, cluster: Provider, stack: Stack, versions: Versions) -> None:
        self.stack = stack
        self.versions = versions
        self._helm = Helm(cluster.kubeconfig)
        self._release = Release(cluster)
        self._text = ""
        self._streams: Crowd | None = None

    # Steps -----------------------------------------------------------------------------------

    def install_previous(self) -> None:
        """The version before this one, where none is."""
        values = previous_values(self.versions.previous).items()
        given = [f"--set-string={name}={value}" for name, value in values]
        chart = str(previous.chart(previous.previous()))
        self._helm("install", NAME, chart, _HERE, "--create-namespace", *_PATIENCE, *given)

    def install(self) -> None:
        """This version, in place of whatever there is."""
        self._release.install(self.versions.current)

    def roll_back(self) -> None:
        """To the version before."""
        self._helm("rollback", NAME, _HERE, *_PATIENCE)

    def uninstall(self) -> None:
        """Takes the release away."""
        self._release.uninstall()

    def across(self, name: str, step: Callable[[], None]) -> Step:
        """Does the step while streams run; they may still run when it is done."""
        if self._streams:
            # Those of two steps take all slots, and short requests wait for one in vain.
            self._streams.wait_for_end()
        self._streams = streams = Crowd(Client.of(self.stack, MODEL), self._text)
        streams.want(STREAMS)
        asked = streams.client.asked
        wait_until(lambda: sum(each.first > 0 for each in asked) == STREAMS, "all to stream", 60)
        streams.want(0)
        before, began = self._gateways(), time.monotonic()
        step()
        done = time.monotonic()
        wait_until(lambda: not before & self._gateways(), "the old gateway to be told", 60)
        return Step(name, began, done, time.monotonic(), streams)

    def leads(self, image: str) -> bool:
        """Does an operator of that image lead?"""
        holder = leader(self.stack)
        return any(
            pod["metadata"]["name"] in holder and pod["spec"]["containers"][0]["image"] == image
            for pod in pods(self.stack, "operator")
        )

    def _gateways(self) -> set[str]:
        """Gateways that nobody has told to end."""
        return {
            pod["metadata"]["uid"]
            for pod in pods(self.stack, "gateway")
            if "deletionTimestamp" not in pod["metadata"]
        }

    # The model -------------------------------------------------------------------------------

    def start_model(self) -> None:
        """Two replicas, each with room for all streams and more; as slow as half a core."""
        resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "250m"}}
        spec: dict[str, Any] = {"slots": 6, "contextLength": 1024, "replicas": 2, "cache": CACHE}
        self.stack.apply(self.stack.sample(MODEL, engine=small(resources), **spec))
        self.stack.wait(MODEL)
        self._text = text_that_lasts(Client.of(self.stack, MODEL), STREAM_SECONDS)

    def replicas(self) -> dict[str, list[int]]:
        """Its pods by their uid, and how often their containers began anew."""
        return {pod["metadata"]["uid"]: _restarts(pod) for pod in self.stack.pods(MODEL)}


def _restarts(pod: Object) -> list[int]:
    status = pod["status"]
    containers = [*status["initContainerStatuses"], *status["containerStatuses"]]
    return [int(each["restartCount"]) for each in containers]
