"""What do the container runtime and the containers themselves tell of a pod's start?

Both with fractions of a second, which the times in the pod's status have not. A line of a
container's log has the moment at which the runtime read it.
"""

import re
from collections.abc import Iterable
from datetime import datetime

_LINE = re.compile(r'^time="(?P<time>[^"]+)" level=info msg="(?P<text>.*)"$', re.MULTILINE)
_STARTED = re.compile(r'StartContainer for \\"(?P<id>\w+)\\" returns successfully')
_CREATED = re.compile(
    r'CreateContainer within sandbox \\"(?P<sandbox>\w+)\\" for .*?Name:(?P<name>[^,]+),'
    r'.*? returns container id \\"(?P<id>\w+)\\"'
)


def seconds(text: str) -> float:
    """A time of RFC 3339 with any fraction, in seconds since 1970."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    digits = fraction.partition("+")[0]
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{digits or 0}")


def runtime_marks(log: str, pod: str) -> dict[str, float]:
    """Moments of one pod in containerd's log."""
    marks: dict[str, float] = {}
    sandbox, containers = "", dict[str, str]()
    for line in _LINE.finditer(log):
        when, text = seconds(line["time"]), line["text"]
        if f"Name:{pod}," in text and text.startswith("RunPodSandbox"):
            if "returns sandbox id" in text:
                sandbox = text.rpartition("id ")[2].strip('\\"')
                marks["sandbox"] = when
            else:
                marks.setdefault("sandbox asked", when)
        elif (made := _CREATED.search(text)) and made["sandbox"] == sandbox:
            containers[made["id"]] = made["name"]
        elif (begun := _STARTED.search(text)) and begun["id"] in containers:
            name = {"fetch": "fetch"}.get(containers[begun["id"]], "server")
            marks.setdefault(f"{name} started", when)
    return marks


def line_with(lines: Iterable[str], word: str) -> float:
    """The moment of the first line that has a word, of `kubectl logs --timestamps`."""
    for line in lines:
        when, _, text = line.partition(" ")
        if word in text:
            return seconds(when)
    raise ValueError(f"no line says {word!r}")
