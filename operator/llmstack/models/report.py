"""What does `llmstack fetch` tell the operator, and in which words?

The only codec of both sides. While a model downloads, fetch writes JSON lines to its log:

    {"event":"progress","file":"m.gguf","bytes":1,"total":2,"bytesPerSecond":1,"etaSeconds":1}
    {"event":"error","reason":"SourceNotFound","message":"…"}

At its end it writes one JSON object to its termination message (the kubelet keeps 4096 bytes):

    {"reason":"ModelReady","files":[{"role":"model","sha256":"…","sizeBytes":2,…}],"gguf":{…}}
    {"reason":"SourceNotFound","message":"…"}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.engines.facts import GGUFFacts

MODEL_READY = "ModelReady"
TERMINATION_LIMIT = 4096
_MESSAGE_LIMIT = 1024


@dataclass(frozen=True)
class Progress:
    """Progress of a download.

    `file` is the one in work; `bytes` and `total` count all files of the model. `total` and
    `eta_seconds` are None while the server has not said how large a file is.
    """

    file: str
    bytes: int
    total: int | None = None
    bytes_per_second: int = 0
    eta_seconds: int | None = None


@dataclass(frozen=True)
class FetchedFile:
    """A file in the cache. `role` is "model" or "mmproj".

    Of a split model: the sum of its first part, the size of all, the number of parts. `revision`
    is the hub's commit; `sha256` is "" only for a file on a claim that no sum was asked for.
    """

    role: str
    sha256: str
    size_bytes: int
    revision: str | None = None
    parts: int = 1


@dataclass(frozen=True)
class FetchResult:
    """Files of a model that is in place, and the facts in its header."""

    files: tuple[FetchedFile, ...]
    gguf: GGUFFacts

    @property
    def model(self) -> FetchedFile:
        """The file that llama-server is started with."""
        return next(file for file in self.files if file.role == "model")


@dataclass(frozen=True)
class FetchFailure:
    """The model did not arrive: a reason of `api.reasons`, and what to do about it."""

    reason: str
    message: str


def encode_progress(progress: Progress) -> str:
    """As one line of the log, without the line's end."""
    line: dict[str, Any] = {
        "event": "progress",
        "file": progress.file,
        "bytes": progress.bytes,
        "total": progress.total,
        "bytesPerSecond": progress.bytes_per_second,
        "etaSeconds": progress.eta_seconds,
    }
    return _dump(line)


def encode_error(failure: FetchFailure) -> str:
    """As one line of the log, without the line's end."""
    return _dump({"event": "error", "reason": failure.reason, "message": failure.message})


def encode_termination(outcome: FetchResult | FetchFailure) -> str:
    """As the container's termination message: at most TERMINATION_LIMIT bytes, ASCII."""
    if isinstance(outcome, FetchFailure):
        return _encode_failure(outcome)
    files = [_file_to_json(file) for file in outcome.files]
    return _dump({"reason": MODEL_READY, "files": files, "gguf": outcome.gguf.to_json()})


def parse_termination(text: str) -> FetchResult | FetchFailure | None:
    """Parse a container's termination message. Returns None if fetch did not write it."""
    data = _load(text)
    reason = data.get("reason")
    if not isinstance(reason, str) or not reason:
        return None
    if reason != MODEL_READY:
        message = data.get("message")
        return FetchFailure(reason, message if isinstance(message, str) else "")
    try:
        files = tuple(_file_from_json(file) for file in data["files"])
        result = FetchResult(files, GGUFFacts.from_json(data["gguf"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return result if any(file.role == "model" for file in files) else None


def parse_log(text: str) -> Progress | None:
    """Return the last progress in (the tail of) a log. Broken and unknown lines are skipped."""
    for line in reversed(text.splitlines()):
        progress = _progress_from_json(_load(line))
        if progress:
            return progress
    return None


def describe(progress: Progress) -> str:
    """As a sentence for a condition: `1.2 of 4.1 GiB (29%), 88 MiB/s, 34 s left`."""
    if not progress.total:
        return f"{_in_gib(progress.bytes)} GiB of {progress.file}, {_speed(progress)}"
    left = "" if progress.eta_seconds is None else f", {_duration(progress.eta_seconds)} left"
    sizes = f"{_in_gib(progress.bytes)} of {_in_gib(progress.total)} GiB"
    return f"{sizes} ({percentage(progress)}), {_speed(progress)}{left}"


def percentage(progress: Progress) -> str | None:
    """How much is there: `29%`; None while nobody has said how much it will be."""
    return f"{100 * progress.bytes // progress.total}%" if progress.total else None


def _in_gib(count: int) -> str:
    return f"{count / 2**30:.1f}" if count >= 2**30 else f"{count / 2**30:.2f}"


def _speed(progress: Progress) -> str:
    return f"{progress.bytes_per_second / 2**20:.0f} MiB/s"


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _encode_failure(failure: FetchFailure) -> str:
    """Cut so that even a message of nothing but escapes (6 bytes a character) fits."""
    message = failure.message
    while True:
        text = _dump({"reason": failure.reason, "message": message})
        if len(text) <= TERMINATION_LIMIT:
            return text
        message = message[: min(_MESSAGE_LIMIT, len(message) // 2)]


def _file_to_json(file: FetchedFile) -> dict[str, Any]:
    data: dict[str, Any] = {"role": file.role, "sha256": file.sha256, "sizeBytes": file.size_bytes}
    if file.revision is not None:
        data["revision"] = file.revision
    if file.parts != 1:
        data["parts"] = file.parts
    return data


def _file_from_json(data: Mapping[str, Any]) -> FetchedFile:
    revision = data.get("revision")
    return FetchedFile(
        role=_text(data["role"]),
        sha256=_text(data["sha256"]),
        size_bytes=_count(data["sizeBytes"]),
        revision=None if revision is None else _text(revision),
        parts=_count(data.get("parts", 1)),
    )


def _progress_from_json(data: Mapping[str, Any]) -> Progress | None:
    if data.get("event") != "progress":
        return None
    total, eta = data.get("total"), data.get("etaSeconds")
    try:
        return Progress(
            file=_text(data["file"]),
            bytes=_count(data["bytes"]),
            total=None if total is None else _count(total),
            bytes_per_second=_count(data["bytesPerSecond"]),
            eta_seconds=None if eta is None else _count(eta),
        )
    except (KeyError, ValueError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"no text: {value!r}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"no count: {value!r}")
    return value


def _dump(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _load(text: str) -> Mapping[str, Any]:
    """The JSON object in a text; an empty one if it is anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
