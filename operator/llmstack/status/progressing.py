"""Progressing: is the cluster on its way to what is asked for, or already there?

False means stuck: nothing changes until someone acts. It looks only at replicas of the newest
template, so during a failing update it says what fails while the old replicas still answer.
"""

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, ConditionType, Finding
from llmstack.models.report import describe
from llmstack.observed import Container, ContainerState, Pod
from llmstack.status.checks import Check, count, decide, no, once, unknown, yes
from llmstack.status.crashes import CRASHES
from llmstack.status.fetching import FetchState
from llmstack.status.images import pull_failure, registry_answer
from llmstack.status.model_ready import model_ready
from llmstack.status.scheduled import scheduled
from llmstack.status.situation import Situation
from llmstack.status.spec_valid import is_refusal, spec_valid


@once
def progressing(situation: Situation) -> Finding:
    """True while it moves and when it has arrived, False when it is stuck."""
    waiting = unknown(reasons.PENDING, "the Deployment does not exist yet")
    return decide(situation, _CHECKS, waiting)


def _apply_failed(situation: Situation) -> Finding | None:
    failed = [item for item in situation.observed.failures if not is_refusal(item)]
    if not failed:
        return None
    words = "; ".join(f"{item.kind} {item.name}: {item.message}" for item in failed)
    return no(reasons.APPLY_FAILED, f"could not be applied; the operator is retrying: {words}")


def _spec_invalid(situation: Situation) -> Finding | None:
    return _copied_if_false(spec_valid(situation))


def _pods_refused(situation: Situation) -> Finding | None:
    workload = situation.workload
    if workload is None or not workload.replica_failure or not situation.recorded:
        return None
    return no(reasons.REJECTED, f"the API server rejected the pods: {workload.replica_failure}")


def _image_pull_failed(situation: Situation) -> Finding | None:
    for pod in situation.pods:
        for container in (pod.fetch, pod.server):
            if container and pull_failure(container):
                return no(reasons.IMAGE_PULL_FAILED, _pull_message(situation, container))
    return None


def _pull_message(situation: Situation, container: Container) -> str:
    """The registry's answer, or what it answered last: the kubelet does not repeat it each time."""
    answer = registry_answer(container)
    last = situation.previous(ConditionType.PROGRESSING)
    named = f"image {container.image} of container {container.name} cannot be pulled"
    if not answer and last and last.reason == reasons.IMAGE_PULL_FAILED and named in last.message:
        return last.message
    remedy = "fix the image name, or set spec.pod.imagePullSecrets"
    return f"{named}: {answer}; {remedy}" if answer else f"{named}: {remedy}"


def _unscheduled(situation: Situation) -> Finding | None:
    return _copied_if_false(scheduled(situation))


def _model_missing(situation: Situation) -> Finding | None:
    finding = model_ready(situation)
    return None if finding.reason == reasons.DOWNLOADING else _copied_if_false(finding)


def _copied_if_false(finding: Finding) -> Finding | None:
    return finding if finding.status is ConditionStatus.FALSE else None


def _deadline_exceeded(situation: Situation) -> Finding | None:
    workload = situation.workload
    if workload is None or not workload.deadline_exceeded or not situation.recorded:
        return None
    limit = situation.spec.lifecycle.startup_timeout_seconds
    return no(
        reasons.START_TIMEOUT,
        f"no new replica became ready within {limit} s: raise "
        "spec.lifecycle.startupTimeoutSeconds if downloading or loading the model takes longer",
    )


def wedged(situation: Situation) -> Finding | None:
    """Replicas that accept connections but do not respond; nobody needs to act."""
    if not situation.wedged:
        return None
    names = ", ".join(sorted(pod.name for pod in situation.wedged))
    one = len(situation.wedged) == 1
    return yes(
        reasons.SERVER_WEDGED,
        f"llama-server in {names} does not respond: the gateway sends "
        f"{'it' if one else 'them'} no requests, and the kubelet restarts "
        f"{'it' if one else 'them'} after twice spec.lifecycle.wedgeSeconds",
    )


def _stopped(situation: Situation) -> Finding | None:
    workload = situation.workload
    if workload is None or not situation.asleep or workload.replicas or situation.held:
        return None
    if situation.may_sleep:
        return yes(reasons.SCALED_TO_ZERO, "idle and scaled to zero")
    return yes(reasons.STOPPED, "no replica is requested")


def _downloading(situation: Situation) -> Finding | None:
    running = situation.fetches_in(FetchState.RUNNING)
    if not running:
        return None
    return yes(reasons.DOWNLOADING, f"{count(len(running), 'replica')} downloading the model")


def _loading(situation: Situation) -> Finding | None:
    done = {fetch.pod.uid for fetch in situation.fetches_in(FetchState.DONE)}
    loading = [pod for pod in situation.pods if pod.uid in done and not _has_started(pod)]
    if not loading:
        return None
    if all(pod.server is None or pod.server.state is ContainerState.WAITING for pod in loading):
        return yes(
            reasons.LOADING,
            f"{count(len(loading), 'replica')} starting llama-server (the node may be pulling its "
            "image)",
        )
    return yes(reasons.LOADING, f"{count(len(loading), 'replica')} loading the model")


def _has_started(pod: Pod) -> bool:
    """Return True if the server has loaded the model, whether or not it is ready now."""
    return pod.ready or (pod.server is not None and pod.server.started)


def _not_applied(situation: Situation) -> Finding | None:
    if situation.applied:
        return None
    if situation.held is None:
        return yes(reasons.ROLLING_OUT, "the newest spec is being applied")
    running = situation.fetches_in(FetchState.RUNNING)
    told = next((describe(fetch.progress) for fetch in running if fetch.progress), "")
    return yes(
        reasons.ROLLING_OUT,
        "a Job is testing the newest spec before it is applied" + (f": {told}" if told else ""),
    )


def _proof_refused(situation: Situation) -> Finding | None:
    held = situation.held
    proofs = situation.observed.proofs if held else ()
    words = next((each.refused for each in proofs if held and each.hash == held.proof), "")
    if not words:
        return None
    return no(
        reasons.REJECTED,
        f"the API server rejected the pod that tests the newest spec: {words}; free the "
        "resources that it needs, or set spec.lifecycle.proveEdits to false",
    )


def _rolling_out(situation: Situation) -> Finding | None:
    workload = situation.workload
    if workload is None:
        return None
    current = workload.observed_generation >= workload.generation
    counts = {workload.replicas, workload.updated, workload.available}
    if current and counts == {workload.wanted}:
        return None
    return yes(
        reasons.ROLLING_OUT,
        f"{workload.updated} of {count(workload.wanted, 'replica')} up to date, "
        f"{workload.available} available",
    )


def _arrived(situation: Situation) -> Finding | None:
    workload = situation.workload
    if workload is None:
        return None
    return yes(reasons.AVAILABLE, f"all of {count(workload.wanted, 'replica')} up to date")


_CHECKS: tuple[Check, ...] = (
    # Stuck. What comes first in the life of a replica comes first here.
    _apply_failed,
    _spec_invalid,
    _proof_refused,
    _pods_refused,
    _unscheduled,
    _model_missing,  # with a missing Secret, which an image may need
    _image_pull_failed,
    *CRASHES,
    _deadline_exceeded,  # last: it only says that it took too long
    # On its way, or there.
    _stopped,
    _not_applied,
    _downloading,
    _loading,
    wedged,
    _rolling_out,
    _arrived,
)
