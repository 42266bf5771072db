"""Which moments does a start have, and how long is it from each to the next? Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Marks = Mapping[str, float]
"""When each moment was, in seconds since 1970."""


@dataclass(frozen=True)
class Stage:
    """What ends with the moment `mark`, in words.

    It begins with the stage before; what goes on beside the others, with the moment `since`.
    """

    mark: str
    what: str
    since: str = "loaded"


NODE = (
    Stage("scheduled", "the scheduler binds the pod"),
    Stage("sandbox asked", "the kubelet mounts the volumes"),
    Stage("sandbox", "the runtime makes the sandbox: namespaces, network"),
    Stage("fetch started", "… and the init container"),
    Stage("fetch ended", "the init container finds the model in the cache"),
    Stage("server started", "the kubelet sees that it has ended, and starts the server"),
    Stage("loaded", "llama-server starts and loads the model"),
)
READY = (
    Stage("pod created", "apply → pod: operator, Deployment and ReplicaSet controllers"),
    *NODE,
    Stage("Ready", "the condition Ready is True"),
)
TOKEN = (
    Stage("pod created", "request → pod: gateway, operator, controllers"),
    *NODE,
    Stage("gateway", "the gateway finds it up"),
    Stage("first token", "its first token comes"),
)
BESIDE_READY = (
    Stage("gateway", "loaded → the gateway finds it up"),
    Stage("pod ready", "loaded → the kubelet finds it ready"),
)
BESIDE_TOKEN = (
    Stage("pod ready", "loaded → the kubelet finds it ready"),
    Stage("token again", "the same request once more → its first token", "asked again"),
)
"""Moments that no other one waits for."""


def stages(runs: Sequence[Marks], wanted: Sequence[Stage]) -> list[tuple[str, list[float]]]:
    """For each stage its words, and its seconds in each run: since the stage before."""
    before = ["began", *(stage.mark for stage in wanted)]
    return [
        (stage.what, [run[stage.mark] - run[since] for run in runs])
        for since, stage in zip(before, wanted, strict=False)
    ]


def beside(runs: Sequence[Marks], wanted: Sequence[Stage]) -> list[tuple[str, list[float]]]:
    """The same for what goes on beside the stages."""
    return [(stage.what, [run[stage.mark] - run[stage.since] for run in runs]) for stage in wanted]


def shown(seconds: Sequence[float]) -> str:
    """`0.31 s (0.25 to 0.52)`: the median and the range."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
