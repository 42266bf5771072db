"""How is the cluster made to look as it should?

Only what differs is written: first everything that the Deployment needs, at once; then the
Deployment; then what needs it. A failure does not keep the rest from being applied. It is recorded
for the conditions, and the pass is retried.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.controller.contested import AGAIN_SECONDS, Contested
from llmstack.controller.fence import now
from llmstack.controller.observe_objects import parse_workload
from llmstack.controller.writer import AlreadyThere, Writer
from llmstack.desired.cache import claim_to_apply
from llmstack.desired.drift import needs_apply
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER, deployment_name
from llmstack.desired.prune import foreign_message, is_foreign, prunable
from llmstack.desired.replicas import (
    created_with,
    initial_replicas,
    number_to_keep,
    wanted_replicas,
)
from llmstack.kube.client import identify
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import DEPLOYMENT
from llmstack.observed import ApplyFailure, Demand, Observed

log = logging.getLogger(__name__)
Object = dict[str, Any]
_TAKEN = "Taken"
_INVALID = 422


class Done(Enum):
    """What was done about one object."""

    NOTHING = "it was as it should be"
    WRITTEN = "it was changed"
    CREATED = "there was none"
    LEFT = "it differs and is left so for a while (contested.py)"


@dataclass
class Outcome:
    """What was done in a pass, and what failed.

    `retry` is the error of the first failure, None if nothing failed. `wrote` is True if anything
    was changed, `began` if the Deployment was created. `again` is the number of seconds until a
    contested object (contested.py) may be written, None if there is none. `rewritten` says what the
    cluster made of each of these, by kind and name.
    """

    failures: list[ApplyFailure] = field(default_factory=list)
    retry: ApiError | None = None
    again: float | None = None
    rewritten: Mapping[str, str] = field(default_factory=dict)
    wrote: bool = False
    began: bool = False

    @property
    def nothing_to_write(self) -> bool:
        """True if everything was as it should be."""
        return not (self.wrote or self.failures or self.again or self.rewritten)

    def take(self, desired: Mapping[str, Any], answer: Done | BaseException) -> None:
        """Records the result for one object. Raises errors that concern more than this object."""
        if isinstance(answer, ApiError) and not _ends_the_pass(answer):
            name = desired["metadata"]["name"]
            failure = ApplyFailure(desired["kind"], name, answer.status, answer.message)
            self.failures.append(failure)
            self.retry = self.retry or answer
        elif isinstance(answer, BaseException):
            raise answer
        elif answer is Done.LEFT:
            self.again = AGAIN_SECONDS
        elif answer is not Done.NOTHING:
            self.wrote = True
            self.began |= answer is Done.CREATED and desired["kind"] == "Deployment"


def _ends_the_pass(error: ApiError) -> bool:
    """True if the pass cannot go on after this error.

    Without an answer, neither the other objects nor the status would get one. If the object changed
    in the meantime, the next pass follows at once and reads the new state; users need not know.
    """
    return not error.status or (error.conflict and error.reason != _TAKEN)


def _groups(desired: Sequence[Object]) -> list[Sequence[Object]]:
    """Splits the objects, in their order, before and after the Deployment."""
    at = next((n for n, item in enumerate(desired) if item["kind"] == "Deployment"), len(desired))
    return [desired[:at], desired[at : at + 1], desired[at + 1 :]]


class Applier:
    """Writes the objects of deployments."""

    def __init__(self, writer: Writer, clock: Callable[[], float] = now) -> None:
        self._writer = writer
        self._contested = Contested(clock)
        self._taken: set[tuple[Key, str, str]] = set()

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._contested.forget(key)
        self._taken = {place for place in self._taken if place[0] != key}

    async def bring_about(
        self, deployment: LLMDeployment, desired: Sequence[Object], observed: Observed
    ) -> Outcome:
        """Applies what differs, then deletes what is no longer wanted if nothing failed."""
        outcome = Outcome()
        for group in _groups(desired):
            answers = await asyncio.gather(
                *(self._bring_about_one(deployment, item, observed) for item in group),
                return_exceptions=True,
            )
            for item, answer in zip(group, answers, strict=True):
                outcome.take(item, answer)
        outcome.rewritten = self._contested.told(Key(deployment.namespace, deployment.name))
        if not outcome.failures:
            outcome.wrote |= await self._prune(deployment, desired, observed)
        return outcome

    async def follow_demand(self, deployment: LLMDeployment, observed: Observed) -> Outcome:
        """Only adapts the number of replicas, because nothing else can differ."""
        outcome = Outcome()
        live = observed.children[DEPLOYMENT.kind, deployment_name(deployment)]
        try:
            await self._scale(deployment, live, observed.demand)
        except ApiError as error:
            outcome.take(live, error)
        return outcome

    async def _bring_about_one(
        self, deployment: LLMDeployment, desired: Object, observed: Observed
    ) -> Done:
        kind, name = desired["kind"], desired["metadata"]["name"]
        place = Key(deployment.namespace, deployment.name), kind, name
        live = observed.children.get((kind, name))
        if live is None and place in self._taken:
            live = await self._writer.get(*identify(desired))
        self._taken.discard(place)
        try:
            done = await self._as_found(deployment, desired, live, observed.demand)
        except ApiError as error:
            if error.reason == _TAKEN:
                self._taken.add(place)
            raise
        # "Nothing to write" is said of what was observed; what was found by name was not.
        unseen = (kind, name) not in observed.children
        return Done.WRITTEN if unseen and done is Done.NOTHING else done

    async def _as_found(
        self,
        deployment: LLMDeployment,
        desired: Object,
        live: Mapping[str, Any] | None,
        demand: Demand,
    ) -> Done:
        try:
            return await self._as_known(deployment, desired, live, demand)
        except AlreadyThere:
            # It is not ours, or lacks the label by which we watch, or was not reported yet.
            there = await self._writer.get(*identify(desired))
            return await self._as_known(deployment, desired, there, demand)

    async def _as_known(
        self,
        deployment: LLMDeployment,
        desired: Object,
        live: Mapping[str, Any] | None,
        demand: Demand,
    ) -> Done:
        if is_foreign(live, desired, deployment):
            raise ApiError(409, _TAKEN, foreign_message(desired))
        if desired["kind"] == "PersistentVolumeClaim":
            claim = claim_to_apply(desired, live)
            if claim:
                await self._write(claim)
            return Done.WRITTEN if claim else Done.NOTHING
        if desired["kind"] == "Job":
            if live is None:  # A Job's pods cannot be changed; another proof needs another Job.
                await self._create(desired)
            return Done.NOTHING if live else Done.CREATED
        key = Key(deployment.namespace, deployment.name)
        differs = needs_apply(desired, live)
        if not differs:
            self._contested.settle(key, desired)
        left = differs and self._contested.is_contested(key, desired)
        repair = differs and not left
        if desired["kind"] == "Deployment":
            newest = await self._deployment(deployment, desired, live, repair=repair)
            await self._scale(deployment, newest, demand)
        elif repair:
            await self._repair(key, desired, live)
        if left:
            return Done.LEFT
        return Done.CREATED if live is None else Done.WRITTEN if repair else Done.NOTHING

    async def _deployment(
        self,
        deployment: LLMDeployment,
        desired: Object,
        live: Mapping[str, Any] | None,
        *,
        repair: bool,
    ) -> Mapping[str, Any]:
        """Returns the Deployment after a repair. Keeps its replicas (desired/replicas.py)."""
        key = Key(deployment.namespace, deployment.name)
        if live is None:
            newest = await self._create(created_with(desired, initial_replicas(deployment.spec)))
            self._contested.judge(key, desired, newest)
            return newest
        if not repair:
            return live
        number = number_to_keep(desired, live)
        if number:
            # Not forced: a conflict means that somebody has scaled it in the meantime.
            live = await self._write(number, REPLICAS_MANAGER, force=False)
        return await self._repair(key, desired, live)

    async def _scale(
        self, deployment: LLMDeployment, newest: Mapping[str, Any], demand: Demand
    ) -> None:
        """Scales by the newest answer, not the snapshot: an autoscaler may have scaled since."""
        wanted = wanted_replicas(deployment, parse_workload(newest), demand)
        if wanted is not None:
            metadata = newest["metadata"]
            log.info("%s/%s: scaling to %d", deployment.namespace, metadata["name"], wanted)
            await self._writer.scale(newest, wanted, REPLICAS_MANAGER)

    async def _repair(self, key: Key, desired: Object, live: Mapping[str, Any] | None) -> Object:
        """Applies, and records whether the cluster kept what was applied."""
        answer = await self._put_right(desired, live)
        self._contested.judge(key, desired, answer)
        return answer

    async def _put_right(self, desired: Object, live: Mapping[str, Any] | None) -> Object:
        """Applies, or overwrites if what others have added makes the result invalid."""
        if live is None:
            return await self._create(desired)
        try:
            return await self._write(desired)
        except ApiError as error:
            if error.status != _INVALID:
                raise
        kind, namespace, name = identify(desired)
        log.warning(
            "%s/%s: overwriting %s, which someone else has edited", namespace, name, kind.kind
        )
        return await self._writer.overwrite(desired, MANAGER, live["metadata"]["resourceVersion"])

    async def _create(self, body: Object) -> Object:
        kind, namespace, name = identify(body)
        log.info("%s/%s: creating %s", namespace, name, kind.kind)
        return await self._writer.create_by_apply(body, MANAGER)

    async def _write(self, body: Object, manager: str = MANAGER, *, force: bool = True) -> Object:
        kind, namespace, name = identify(body)
        log.info("%s/%s: applying %s as %s", namespace, name, kind.kind, manager)
        return await self._writer.apply(body, manager, force=force)

    async def _prune(
        self, deployment: LLMDeployment, desired: Sequence[Object], observed: Observed
    ) -> bool:
        """Deletes what is no longer wanted. Returns True if anything was deleted."""
        found = prunable(deployment, [dict(child) for child in observed.children.values()], desired)
        for item in found:
            kind, namespace, name = identify(item)
            log.info("%s/%s: deleting %s", namespace, name, kind.kind)
            await self._writer.delete(kind, namespace, name, item["metadata"]["uid"])
        return bool(found)
