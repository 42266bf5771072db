"""What do all conditions look at? The snapshot, seen from one deployment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from llmstack.api.conditions import Condition, ConditionType, Finding
from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.hold import is_through
from llmstack.desired.metadata import (
    SPEC_HASH,
    annotation,
    deployment_name,
    gateway_service_name,
)
from llmstack.desired.prune import is_owned
from llmstack.desired.replicas import wanted_replicas
from llmstack.desired.template import spec_hash
from llmstack.observed import Container, Held, Observed, Pod, Workload
from llmstack.status.answering import as_answering, is_ahead
from llmstack.status.fetching import Fetch, FetchState, read_fetch

_FAILED = "Failed"


@dataclass(frozen=True)
class Situation:
    """One deployment and the cluster around it, at one moment."""

    deployment: LLMDeployment
    observed: Observed
    found: dict[object, Finding] = field(default_factory=dict, compare=False, repr=False)
    """What judges have found in it already (checks.once)."""

    @property
    def spec(self) -> LLMDeploymentSpec:
        """Spec of the deployment."""
        return self.deployment.spec

    @property
    def workload(self) -> Workload | None:
        """State of the Deployment. None before it exists."""
        return self.observed.workload

    @property
    def wanted(self) -> int | None:
        """Number of replicas that are currently requested. None before the Deployment exists."""
        return self.workload.wanted if self.workload else None

    @cached_property
    def available(self) -> int:
        """Number of replicas that serve requests, old and new. A server that is wedged does not.

        The Deployment's count may be older than the pods: a wedged one that fails its probe, too,
        is still in it, and one that answers the gateway before the kubelet has looked is not yet.
        """
        counted = self.workload.available if self.workload else 0
        if self._ahead:
            counted = max(counted, self._well)
        return min(counted, self._well) if self.wedged else counted

    @cached_property
    def ready_replicas(self) -> int:
        """How many replicas the kubelet or the gateway finds ready, wedged ones among them."""
        counted = self.workload.ready if self.workload else 0
        return max(counted, sum(pod.ready for pod in self._alive)) if self._ahead else counted

    @cached_property
    def _ahead(self) -> bool:
        """Whether the gateway gets answers of a replica that the kubelet does not find ready."""
        answering = self.observed.answering
        return any(is_ahead(pod, answering) for pod in self.observed.pods)

    @cached_property
    def slots(self) -> int:
        """Number of slots of all ready replicas. An older one may have another number."""
        return sum(pod.slots for pod in self._alive if pod.ready)

    @cached_property
    def _well(self) -> int:
        """Number of pods that are ready, not wedged and not terminating."""
        return sum(pod not in self.wedged for pod in self._alive if pod.ready)

    @cached_property
    def wedged(self) -> tuple[Pod, ...]:
        """The replicas, old and new, that answered once and do no more.

        One that was started again since then loads: that it was wedged is over.
        """
        return tuple(
            pod
            for pod in self._alive
            if pod.name in self.observed.wedged
            and (pod.ready or (pod.server is not None and pod.server.started))
        )

    @cached_property
    def unreachable(self) -> Mapping[str, str]:
        """Why the gateway cannot reach replicas that the kubelet finds ready, by pod."""
        said = self.observed.unreachable
        return {pod.name: said[pod.name] for pod in self._alive if pod.ready and pod.name in said}

    @property
    def reached(self) -> int:
        """Number of replicas that serve requests and that the gateway can connect to, as far as
        known.
        """
        answering = (pod for pod in self._alive if pod.ready and pod not in self.wedged)
        return sum(pod.name not in self.unreachable for pod in answering)

    @property
    def uncached(self) -> bool:
        """Whether a replica may reuse nothing, as its image cannot keep tenants apart."""
        return any(pod.name in self.observed.uncached for pod in self._alive)

    @property
    def url(self) -> str | None:
        """URL for clients in the cluster, or None while the deployment's name leads nowhere."""
        deployment = self.deployment
        service = self.observed.children.get(("Service", gateway_service_name(deployment)))
        if service is None or not is_owned(service, deployment):
            return None
        return f"http://{deployment.name}.{deployment.namespace}/v1"

    @cached_property
    def applied(self) -> bool:
        """True if the snapshot was taken after this very spec was applied.

        The cluster is read before it is changed, so on the first pass over a new spec all replicas
        may be up to date only with the old one.
        """
        if not self.recorded:
            return False
        if self.workload is None:
            return True
        wanted = wanted_replicas(self.deployment, self.workload, self.observed.demand)
        return wanted is None

    @cached_property
    def recorded(self) -> bool:
        """Whether the pod template of the snapshot is that of this very spec."""
        if self.held:
            return False
        live = self.observed.children.get(("Deployment", deployment_name(self.deployment)), {})
        recorded = annotation(live, SPEC_HASH)
        return not recorded or recorded == spec_hash(self.spec)

    @property
    def held(self) -> Held | None:
        """Why the newest spec is not applied to the replicas; None if it is."""
        return self.observed.held

    @property
    def asleep(self) -> bool:
        """True if no replicas are requested, and the spec allows that."""
        return self.wanted == 0 and (self.spec.replicas == 0 or self.may_sleep)

    @property
    def has_no_replicas(self) -> bool:
        """True if none is asked for, whatever the spec allows, and no pod is left."""
        return self.wanted == 0 and not self.pods

    @property
    def may_sleep(self) -> bool:
        """True if autoscaling allows zero replicas."""
        return bool(self.spec.autoscaling and self.spec.autoscaling.min_replicas == 0)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The replicas of the newest template, newest first: old ones only wait to be replaced.

        Failed pods (evicted, node lost) are left out: they never come back.
        """
        return tuple(pod for pod in self._current if pod.phase != _FAILED)

    @cached_property
    def older(self) -> tuple[Pod, ...]:
        """The replicas of a spec before this one, which wait to be replaced."""
        older = (pod for pod in self._alive if pod not in self._current)
        return tuple(pod for pod in older if pod.phase != _FAILED)

    @cached_property
    def behind(self) -> bool:
        """True if only replicas of a previous spec serve requests."""
        newest = self.applied and any(pod.ready for pod in self.pods)
        return self.available > 0 and not newest

    @cached_property
    def failed(self) -> tuple[Pod, ...]:
        """The pods of the newest template that failed as a whole, newest first."""
        return tuple(pod for pod in self._current if pod.phase == _FAILED)

    @cached_property
    def _current(self) -> list[Pod]:
        """While an edit is held, the pods that prove it stand for the replicas it will have."""
        return sorted(self._newest, key=lambda pod: (-pod.created_at, pod.name))

    @property
    def _newest(self) -> list[Pod]:
        held, current = self.held, self.workload.template_hash if self.workload else ""
        if held:
            tried = (pod for pod in self.observed.proof_pods if pod.template_hash == held.proof)
            return [pod for pod in tried if not pod.terminating]
        if not self.recorded:
            return []
        return [pod for pod in self._alive if not current or pod.template_hash == current]

    @cached_property
    def _alive(self) -> tuple[Pod, ...]:
        """The pods, old and new, that are not on their way out.

        Those that answer the gateway are ready: it looks sooner, and more often, than the kubelet.
        """
        answering = self.observed.answering
        alive = (pod for pod in self.observed.pods if not pod.terminating)
        return tuple(as_answering(pod) if is_ahead(pod, answering) else pod for pod in alive)

    @cached_property
    def fetches(self) -> tuple[Fetch, ...]:
        """The download of each replica."""
        return tuple(read_fetch(pod) for pod in self.pods)

    def fetches_in(self, *states: FetchState) -> tuple[Fetch, ...]:
        """Return the downloads that are in one of these states."""
        return tuple(fetch for fetch in self.fetches if fetch.state in states)

    @cached_property
    def servers(self) -> tuple[Container, ...]:
        """The servers of the newest template that are not ready."""
        found = (pod.server for pod in self.pods if pod.server and not pod.ready)
        return tuple(server for server in found if not (self.held and is_through(server)))

    def previous(self, kind: ConditionType) -> Condition | None:
        """Return the condition that the last pass wrote, or None."""
        conditions = self.deployment.status.conditions
        return next((item for item in conditions if item.type == kind), None)
