"""What do the fake server's answers look like?

The same fields and events as llama-server's. Times are computed from the rates, not measured, so
that the same request to a server in the same state gets the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from .shape import Shape
from .tasks import Slot, Task

CREATED = 1_700_000_000
FINGERPRINT = "b0-fake"
Json = dict[str, Any]
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Whole(Protocol):
    """One endpoint's way to say it at once."""

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any: ...


class Style(Whole, Protocol):
    """And event by event: the objects after `data: `, and the bytes `done` after the last one.

    With `alike`, all pieces of a task differ in their text only.
    """

    done: bytes
    alike: bool

    def first(self, task: Task) -> list[Json]: ...
    def piece(self, task: Task, text: str) -> Json: ...
    def last(self, task: Task, shape: Shape) -> list[Json]: ...


def timings(task: Task, shape: Shape) -> Json:
    """Counts and milliseconds, as the last event carries them."""
    computed = len(task.prompt) - task.cached
    prompt_ms = 1000 * computed / shape.prefill
    predicted_ms = 1000 * max(task.generated - 1, 0) / shape.decode
    return {
        "cache_n": task.cached,
        "prompt_n": computed,
        "prompt_ms": prompt_ms,
        "prompt_per_token_ms": prompt_ms / computed if computed else 0.0,
        "prompt_per_second": float(shape.prefill),
        "predicted_n": task.generated,
        "predicted_ms": predicted_ms,
        "predicted_per_token_ms": predicted_ms / task.generated if task.generated else 0.0,
        "predicted_per_second": float(shape.decode),
    }


def usage(task: Task) -> Json:
    """As OpenAI counts. Of several sequences llama-server counts the first one only."""
    prompt, completion = len(task.prompt), task.generated
    return {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": task.cached},
    }


class Chat:
    """/v1/chat/completions."""

    done = b"data: [DONE]\n\n"
    alike = True

    def __init__(self, model: str, id: str, include_usage: bool) -> None:
        self.include_usage = include_usage
        self.tail = {"created": CREATED, "id": id, "model": model}
        self.tail["system_fingerprint"] = FINGERPRINT

    def _chunk(self, task: Task, delta: Json, finish: str | None = None) -> Json:
        choice = {"finish_reason": finish, "index": task.index, "delta": delta}
        return {"choices": [choice], **self.tail, "object": "chat.completion.chunk"}

    def first(self, task: Task) -> list[Json]:
        return [self._chunk(task, {"role": "assistant", "content": None})]

    def piece(self, task: Task, text: str) -> Json:
        return self._chunk(task, {"content": text})

    def last(self, task: Task, shape: Shape) -> list[Json]:
        end = self._chunk(task, {}, task.finish)
        if not self.include_usage:
            return [end | {"timings": timings(task, shape)}]
        empty = {"choices": [], **self.tail, "object": "chat.completion.chunk"}
        return [end, empty | {"usage": usage(task), "timings": timings(task, shape)}]

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        choices = [
            {
                "finish_reason": task.finish,
                "index": task.index,
                "message": {"role": "assistant", "content": task.text},
            }
            for task in tasks
        ]
        counts = {"usage": usage(tasks[0]), "timings": timings(tasks[0], shape)}
        return {"choices": choices, **self.tail, "object": "chat.completion", **counts}


class Transcript:
    """/v1/audio/transcriptions: one object for the whole answer, streamed or not."""

    done = b"data: [DONE]\n\n"
    alike = True

    def first(self, task: Task) -> list[Json]:
        return []

    def piece(self, task: Task, text: str) -> Json:
        return {"type": "transcript.text.delta", "delta": text}

    def last(self, task: Task, shape: Shape) -> list[Json]:
        return [self.whole([task], shape)]

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        (task,) = tasks
        prompt, completion = len(task.prompt), task.generated
        counts = {
            "type": "tokens",
            "input_tokens": prompt,
            "output_tokens": completion,
            "total_tokens": prompt + completion,
            "input_tokens_details": {"cached_tokens": task.cached},
        }
        return {"type": "transcript.text.done", "text": task.text, "usage": counts}


class Text:
    """/v1/completions."""

    done = b"data: [DONE]\n\n"
    alike = True

    def __init__(self, model: str, id: str) -> None:
        self.tail = {"created": CREATED, "model": model, "system_fingerprint": FINGERPRINT}
        self.tail |= {"object": "text_completion", "id": id}

    def _choice(self, task: Task, text: str, finish: str | None) -> Json:
        return {"text": text, "index": task.index, "logprobs": None, "finish_reason": finish}

    def first(self, task: Task) -> list[Json]:
        return []

    def piece(self, task: Task, text: str) -> Json:
        return {"choices": [self._choice(task, text, None)], **self.tail}

    def last(self, task: Task, shape: Shape) -> list[Json]:
        counts = {"usage": usage(task), "timings": timings(task, shape)}
        return [{"choices": [self._choice(task, "", task.finish)], **self.tail, **counts}]

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        choices = [self._choice(task, task.text, task.finish) for task in tasks]
        counts = {"usage": usage(tasks[0]), "timings": timings(tasks[0], shape)}
        return {"choices": choices, **self.tail, **counts}


class Native:
    """/completion."""

    done = b""
    alike = False

    def __init__(self, model: str) -> None:
        self.model = model

    def first(self, task: Task) -> list[Json]:
        return []

    def piece(self, task: Task, text: str) -> Json:
        return {
            "index": task.index,
            "content": text,
            "tokens": [1],
            "stop": False,
            "id_slot": -1,
            "tokens_predicted": task.generated,
            "tokens_evaluated": len(task.prompt),
        }

    def last(self, task: Task, shape: Shape) -> list[Json]:
        return [self._final(task, shape, "")]

    def _final(self, task: Task, shape: Shape, content: str) -> Json:
        return {
            "index": task.index,
            "content": content,
            "tokens": [],
            "id_slot": task.slot,
            "stop": True,
            "model": self.model,
            "tokens_predicted": task.generated,
            "tokens_evaluated": len(task.prompt),
            "generation_settings": {"n_predict": task.limit},
            "stop_type": "limit" if task.finish == "length" else "eos",
            "tokens_cached": len(task.prompt) + task.generated - 1,
            "timings": timings(task, shape),
        }

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        found = [self._final(task, shape, task.text) for task in tasks]
        return found[0] if len(found) == 1 else found


class Vectors:
    """/v1/embeddings."""

    def __init__(self, model: str) -> None:
        self.model = model

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        tokens = sum(len(task.prompt) for task in tasks)
        data = [
            {"embedding": _vector(task), "index": task.index, "object": "embedding"}
            for task in tasks
        ]
        counts = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"model": self.model, "object": "list", "usage": counts, "data": data}


class Ranks:
    """/v1/rerank."""

    def __init__(self, model: str) -> None:
        self.model = model

    def whole(self, tasks: Sequence[Task], shape: Shape) -> Any:
        tokens = sum(len(task.prompt) for task in tasks)
        results = [{"index": task.index, "relevance_score": _vector(task)[0]} for task in tasks]
        results.sort(key=lambda result: -result["relevance_score"])
        counts = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"model": self.model, "object": "list", "usage": counts, "results": results}


def _vector(task: Task) -> list[float]:
    return [((sum(task.prompt) * prime) % 2001 - 1000) / 1000 for prime in (3, 5, 7, 11)]


def slot_json(slot: Slot, shape: Shape) -> Json:
    """One entry of /slots; what it did last shows from the first task on."""
    shown: Json = {"id": slot.id, "n_ctx": shape.context, "speculative": False}
    shown["is_processing"] = slot.task is not None
    if shape.llmstack:
        shown["lease"] = slot.task.lease if slot.task else ""
    if slot.last is None:
        return shown
    task = slot.last
    computed = len(task.prompt) - task.cached - task.left
    return shown | {
        "id_task": task.id,
        "n_prompt_tokens": len(task.prompt) + task.generated,
        "n_prompt_tokens_processed": computed if slot.task else 0,
        "n_prompt_tokens_cache": task.cached if slot.task else 0,
        "params": {"n_predict": task.limit},
        "next_token": [
            {
                "has_next_token": slot.task is not None,
                "has_new_line": False,
                "n_remain": task.limit - task.generated if slot.task else -1,
                "n_decoded": task.generated if slot.task else 0,
            }
        ],
    }


def error(code: int, kind: str, message: str, **more: object) -> Json:
    """llama-server's errors."""
    return {"error": {"code": code, "message": message, "type": kind, **more}}


def event(value: object) -> bytes:
    """One SSE event."""
    return b"data: " + encoded(value) + b"\n\n"


def encoded(value: object) -> bytes:
    """JSON without spaces."""
    return _ENCODER.encode(value).encode()
