"""May the newest pod template replace the one in use, or would that stop a model that serves?

    nothing serves, or the new replica starts beside the old one   ─> apply
    no node could ever run it                                      ─> hold, and say so
    its proof (proof.py) has not succeeded                         ─> hold, a Job proves it
    proved                                                         ─> apply

Once an edit is held, that nothing serves for a moment applies no edit: a replica that restarts
comes back.
"""

from dataclasses import replace

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import Context, Recorded
from llmstack.desired.deployment import replaces_old_first
from llmstack.desired.drift import alike
from llmstack.desired.metadata import FETCH_CONTAINER, Object
from llmstack.desired.pod_template import build_pod_template
from llmstack.desired.proof import proof_hash, proof_pod
from llmstack.desired.reach import out_of_reach
from llmstack.desired.template import spec_hash
from llmstack.observed import Container, ContainerState, Held, Observed, Pod

_NO_LIBRARY = 127
"""A server that is linked to its device's driver cannot start where there is none."""


def with_hold(deployment: LLMDeployment, context: Context, observed: Observed) -> Context:
    """The context, which says whether the newest template is held. Raises InvalidInput."""
    return replace(context, held=hold(deployment, context, observed))


def hold(deployment: LLMDeployment, context: Context, observed: Observed) -> Held | None:
    """Why the newest template is not to be applied; None if it is. Raises InvalidInput."""
    spec, recorded = deployment.spec, context.recorded
    if recorded is None or recorded.spec_hash == spec_hash(spec):
        return None
    if not spec.lifecycle.prove_edits or not replaces_old_first(spec):
        return None
    if not observed.proofs and not _serves(deployment, observed):
        return None
    template = build_pod_template(deployment, context)
    return None if alike(recorded.template, template) else _unproved(template, recorded, observed)


def _unproved(template: Object, recorded: Recorded, observed: Observed) -> Held | None:
    obstacle = out_of_reach(template, recorded.template, observed.nodes)
    if obstacle:
        return Held(reason=obstacle.reason, message=obstacle.message)
    tried = proof_pod(template, recorded.template)
    if tried is None or proof_hash(tried) in _proved(observed):
        return None
    beside = any(pod.node and not pod.terminating for pod in observed.pods)
    return Held(proof_hash(tried), tried, beside)


def _serves(deployment: LLMDeployment, observed: Observed) -> bool:
    """Whether a replica answers, or the next request would wake one that did."""
    if any(pod.ready and not pod.terminating for pod in observed.pods):
        return True
    scaling, workload = deployment.spec.autoscaling, observed.workload
    may_sleep = scaling is not None and scaling.min_replicas == 0
    return may_sleep and workload is not None and workload.wanted == 0


def _proved(observed: Observed) -> set[str]:
    jobs = {proof.hash for proof in observed.proofs if proof.succeeded}
    return jobs | {pod.template_hash for pod in observed.proof_pods if _has_proved(pod)}


def _has_proved(pod: Pod) -> bool:
    """Told by its own containers: others that a webhook adds may never end."""
    containers = [each for each in (pod.fetch, pod.server) if each]
    return pod.fetch is not None and all(is_through(each) for each in containers)


def is_through(container: Container) -> bool:
    """Whether a container of a proof has shown what it is to show."""
    ended = container.state is ContainerState.TERMINATED
    code = container.exit_code if ended else container.last_exit_code
    return code == 0 or (code == _NO_LIBRARY and container.name != FETCH_CONTAINER)
