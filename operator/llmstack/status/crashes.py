"""Why does a server not come up although its model is there?"""

from llmstack.api import reasons
from llmstack.api.conditions import Finding
from llmstack.engines.for_operator import SERVER
from llmstack.observed import Container, ContainerState, Pod
from llmstack.status.checks import Check, no
from llmstack.status.situation import Situation

_KILLED = frozenset({137, 143})
# The startup probe counts from a little after the start, and the kubelet takes time to stop.
_EARLY_SECONDS, _LATE_SECONDS = 10, 90
_BROKEN = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "StartError",
        "ContainerCannotRun",
    }
)


def _out_of_memory(situation: Situation) -> Finding | None:
    for server in _ended(situation):
        if "OOMKilled" in (server.reason, server.last_reason):
            return no(
                reasons.OUT_OF_MEMORY,
                "llama-server used more memory than its limit and was killed: raise "
                "spec.engine.resources.limits.memory, or lower spec.engine.promptCacheMemory, "
                "spec.slots or spec.contextLength",
            )
        if SERVER.is_out_of_memory(_last_words(server)):
            return no(
                reasons.OUT_OF_MEMORY,
                f"llama-server ran out of memory ({_last_words(server)}): lower spec.slots "
                f"or spec.contextLength, choose a smaller quantization, or {_more(situation)}",
            )
    return None


def _more(situation: Situation) -> str:
    """Return the advice how to get more memory for the device, or for the host without one."""
    if not situation.spec.accelerator.present:
        return "run it on a node with more memory"
    return "raise spec.accelerator.count"


def _start_timeout(situation: Situation) -> Finding | None:
    limit = situation.spec.lifecycle.startup_timeout_seconds
    latest = limit + _LATE_SECONDS + situation.spec.lifecycle.drain_seconds
    for server in _ended(situation):
        lasted = server.last_seconds
        if _exit_code(server) not in _KILLED or lasted is None:
            continue
        if limit - _EARLY_SECONDS <= lasted <= latest:
            return no(
                reasons.START_TIMEOUT,
                f"llama-server was not ready within {limit} s and was restarted: raise "
                "spec.lifecycle.startupTimeoutSeconds, or check its log for the cause",
            )
    return None


def _crashing(situation: Situation) -> Finding | None:
    ended = _ended(situation)
    if not ended:
        return None
    words = _last_words(ended[0])
    said = f": {words}" if words else "; its log is empty"
    return no(
        reasons.SERVER_CRASHING,
        f"llama-server exited with exit code {_exit_code(ended[0])}{said}",
    )


def _broken(situation: Situation) -> Finding | None:
    containers = (item for pod in situation.pods for item in (pod.fetch, pod.server) if item)
    broken = (item for item in containers if not _runs(item) and item.reason in _BROKEN)
    container = next(broken, None)
    if container is None:
        return None
    return no(
        reasons.POD_FAILED, f"container {container.name} could not be started: {container.message}"
    )


def _unmounted(situation: Situation) -> Finding | None:
    stuck = [pod for pod in situation.pods if pod.volume_message and not _has_begun(pod)]
    if not stuck:
        return None
    return no(
        reasons.MOUNT_FAILED,
        f"a volume of replica {stuck[0].name} cannot be mounted: {stuck[0].volume_message}",
    )


def _failed_pod(situation: Situation) -> Finding | None:
    """A pod that failed as a whole was evicted or its node is gone; a new one takes its place."""
    if situation.pods or not situation.failed:
        return None
    pod = situation.failed[0]
    words = pod.message or "no reason was given"
    return no(reasons.POD_FAILED, f"replica {pod.name} failed ({pod.reason or pod.phase}): {words}")


def _ended(situation: Situation) -> list[Container]:
    return [server for server in situation.servers if _has_ended(server)]


def _has_begun(pod: Pod) -> bool:
    containers = (pod.fetch, pod.server)
    return any(item and item.state is not ContainerState.WAITING for item in containers)


def _runs(container: Container) -> bool:
    return container.state is ContainerState.RUNNING


def _has_ended(server: Container) -> bool:
    """Return True if the server exited. A restarted one counts until it has started."""
    if server.state is ContainerState.TERMINATED:
        return True
    return server.last_exit_code is not None and not server.started


def _exit_code(server: Container) -> int | None:
    return server.last_exit_code if server.exit_code is None else server.exit_code


def _last_words(server: Container) -> str:
    """The line that the operator picked from the log, or one from what the kubelet kept of it."""
    return server.log_line or SERVER.explain_exit(server.termination_message)


CRASHES: tuple[Check, ...] = (
    _broken,  # the container never ran
    _unmounted,
    _out_of_memory,  # a kind of crash that has its own remedy
    _start_timeout,  # ended by the kubelet, not by itself
    _crashing,
    _failed_pod,
)
