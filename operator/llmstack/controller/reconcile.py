"""What is done for one LLMDeployment?

parse ─ observe ─ build ─ apply ─ report. Each pass compares everything that the watches have
reported with everything that is wanted. If the deployment is Ready and nothing has to change, it
makes no API call.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmstack.api.conditions import ConditionStatus, ConditionType, LLMDeploymentStatus
from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment, parse, parse_status
from llmstack.controller.apply import Applier, Outcome
from llmstack.controller.deletion_cost import DeletionCosts
from llmstack.controller.fence import now
from llmstack.controller.observe import Observer
from llmstack.controller.report import Reporter, Subject
from llmstack.controller.root_secret import RootSecret
from llmstack.controller.unchanged import Unchanged, fingerprint
from llmstack.controller.writer import Writer
from llmstack.desired import Context, Egress, GatewayPlace, build
from llmstack.desired.hold import with_hold
from llmstack.desired.metadata import deployment_name
from llmstack.desired.replicas import sleep_check_seconds
from llmstack.desired.secret import server_key
from llmstack.desired.template import place, places, read_recorded
from llmstack.errors import InvalidInput, InvalidSpec
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import LLM_DEPLOYMENT
from llmstack.observed import ContainerState, Observed, Workload
from llmstack.scaling.gateway_load import ModelLoad
from llmstack.settings.operator import OperatorSettings
from llmstack.status import compute, compute_unreadable

_UNSETTLED_SECONDS = 20.0
"""Seconds until the next pass while a deployment is not settled but may soon be, because no watch
reports that time has passed."""
_STUCK_SECONDS = 60.0
"""The same once it has been unsettled for _STUCK_AFTER seconds."""
_STUCK_AFTER = 300.0
"""Seconds after which a deployment that is not settled counts as stuck."""


class Reconciler:
    """Runs passes over LLMDeployments."""

    def __init__(
        self,
        client: KubeClient,
        writer: Writer,
        settings: OperatorSettings,
        root: RootSecret,
        observer: Observer,
        reporter: Reporter,
        model: Callable[[Key], ModelLoad | None],
    ) -> None:
        self._settings = settings
        self._root = root
        self._observer = observer
        self._reporter = reporter
        self._applier = Applier(writer)
        self._model = model
        self._costs = DeletionCosts(client, model, now)
        self._unsettled: dict[Key, float] = {}
        self._uids: dict[Key, str] = {}
        self._unchanged = Unchanged()

    async def reconcile(self, key: Key) -> float | None:
        """Runs one pass. Returns the seconds until the next one, None if only when asked."""
        body = self._observer.body(LLM_DEPLOYMENT, key)
        if body is None:
            self._forget(key)
            return None
        try:
            deployment = parse(body)
        except InvalidSpec as error:
            await self._reject(body, str(error))
            return None
        if deployment.deleting:
            return None  # The garbage collector follows the owner references.
        if self._uids.get(key) != deployment.uid:  # It replaces one of the same name.
            self._forget(key)
            self._uids[key] = deployment.uid
        return await self._pass(deployment)

    def _forget(self, key: Key) -> None:
        self._unsettled.pop(key, None)
        self._uids.pop(key, None)
        for part in (
            self._observer,
            self._applier,
            self._costs,
            self._reporter,
            self._unchanged,
        ):
            part.forget(key)

    async def _pass(self, deployment: LLMDeployment) -> float | None:
        observed = await self._observer.observe(deployment)
        outcome, observed = await self._brought_about(deployment, observed)
        if outcome.began and not outcome.failures and is_unanswered(deployment):
            return 0.0  # After the rest its replicas are starting, so there is more to report.
        status = compute(deployment, observed, time.time())
        await self._reporter.report(deployment, status)
        await self._report_deaths(deployment)
        if outcome.retry:
            raise outcome.retry
        return _soonest(
            outcome.again,
            await self._costs.write(deployment, observed),
            sleep_check_seconds(deployment, observed.workload, observed.demand),
            self._look_again(deployment, status, observed),
        )

    async def _brought_about(
        self, deployment: LLMDeployment, observed: Observed
    ) -> tuple[Outcome, Observed]:
        """Writes what differs. Returns what was done, and the snapshot completed by that."""
        key = Key(deployment.namespace, deployment.name)
        inputs = fingerprint(deployment, await self._root.root(), observed.children)
        if self._unchanged.holds(key, inputs):
            outcome = await self._applier.follow_demand(deployment, observed)
            return outcome, replace(observed, failures=tuple(outcome.failures))
        try:
            context = with_hold(deployment, await self._context(deployment, observed), observed)
            observed = replace(observed, held=context.held)
            desired = build(deployment, context)
        except InvalidInput as error:
            return Outcome(), replace(observed, invalid=str(error))
        outcome = await self._applier.bring_about(deployment, desired, observed)
        idle = outcome.nothing_to_write and not context.held
        self._unchanged.note(key, inputs, nothing_to_write=idle)
        return outcome, replace(
            observed, failures=tuple(outcome.failures), rewritten=outcome.rewritten
        )

    async def _report_deaths(self, deployment: LLMDeployment) -> None:
        subject = Subject(deployment.namespace, deployment.name, deployment.uid)
        load = self._model(subject.key) or ModelLoad()
        await self._reporter.report_deaths(subject, load.deaths)

    async def _context(self, deployment: LLMDeployment, observed: Observed) -> Context:
        root = await self._root.root()
        live = observed.children.get(("Deployment", deployment_name(deployment)))
        return Context(
            server_images=self._settings.server_images,
            fetch_image=self._settings.fetch_image,
            server_key=server_key(root, deployment.namespace, deployment.name, deployment.uid),
            fetch_env=self._settings.fetch_env,
            ca_bundle=self._settings.ca_bundle,
            gateway=GatewayPlace(
                host=self._settings.gateway_host,
                namespace=self._settings.namespace,
                pods=self._settings.gateway_pods,
            ),
            egress=Egress(self._settings.egress_restricted, self._settings.egress_allow),
            fixed_ids=self._settings.fixed_ids,
            ipv6=self._settings.ipv6,
            recorded=read_recorded(live, observed.children.get(("ConfigMap", place(live)))),
            record_places=places(live),
        )

    async def _reject(self, body: dict[str, Any], message: str) -> None:
        metadata, last = body["metadata"], parse_status(body)
        status = compute_unreadable(last, metadata.get("generation", 0), message, time.time())
        subject = Subject(metadata["namespace"], metadata["name"], metadata["uid"])
        await self._reporter.report_change(subject, last, status)

    def _look_again(
        self, deployment: LLMDeployment, status: LLMDeploymentStatus, observed: Observed
    ) -> float | None:
        key = Key(deployment.namespace, deployment.name)
        awaited = self._observer.look_in(key)
        if not observed.held and _settled(status, observed.workload):
            self._unsettled.pop(key, None)
            return awaited
        for_seconds = now() - self._unsettled.setdefault(key, now())
        again = _UNSETTLED_SECONDS if for_seconds < _STUCK_AFTER else _STUCK_SECONDS
        pods = (*observed.pods, *observed.proof_pods)
        if any(pod.fetch and pod.fetch.state is ContainerState.RUNNING for pod in pods):
            again = self._settings.progress_seconds
        return _soonest(again, awaited)


def is_unanswered(deployment: LLMDeployment) -> bool:
    """True if no pass has reported its status yet."""
    return deployment.status.observed_generation is None


def _soonest(*times: float | None) -> float | None:
    return min((seconds for seconds in times if seconds is not None), default=None)


def _settled(status: LLMDeploymentStatus, workload: Workload | None) -> bool:
    """True if it is Ready and not being updated: a failed update leaves old replicas serving."""
    if workload is None or not workload.wanted == workload.updated == workload.ready:
        return False
    return any(
        condition.type == ConditionType.READY and condition.status == ConditionStatus.TRUE
        for condition in status.conditions
    )
