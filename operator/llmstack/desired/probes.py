"""When has a server started, when may it get requests, and when is it wedged?"""

from collections.abc import Sequence

from llmstack.api.pod import LifecycleSpec
from llmstack.desired.metadata import PORT_NAME, Object
from llmstack.engines.for_operator import SERVER

_HEALTH: Object = {"path": SERVER.HEALTH_PATH, "port": PORT_NAME, "scheme": "HTTP"}


def startup_probe(lifecycle: LifecycleSpec) -> Object:
    """The model may load for as long as the user says. Once a second: a start is seen at once."""
    return {
        "httpGet": dict(_HEALTH),
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": lifecycle.startup_timeout_seconds,
    }


def readiness_probe() -> Object:
    """Patient, because a server in a long prefill may answer late and must not lose its place."""
    return {
        "httpGet": dict(_HEALTH),
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }


def liveness_probe(command: Sequence[str]) -> Object:
    """The probe that runs `llmstack-liveness`.

    It decides how long silence may last (WEDGE_SECONDS) and remembers it in /tmp, so the probe only
    asks it often enough; three failures in a row rule out a slow exec.
    """
    return {
        "exec": {"command": list(command)},
        "periodSeconds": 10,
        "timeoutSeconds": 10,
        "failureThreshold": 3,
    }
