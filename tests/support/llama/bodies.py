"""What does a body ask the fake server to compute?"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from .answers import Plain, Stream, Work
from .shapes import Chat, Json, Native, Ranks, Text, Transcript, Vectors, error
from .tasks import Task
from .tokens import chat_prompt, tokens_of
from .wire import Connection, Request

if TYPE_CHECKING:
    from .fake import FakeLlama


class Rejected(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def _invalid(message: str, **more: object) -> Rejected:
    return Rejected(400, error(400, "invalid_request_error", message, **more))


class Bodies:
    """One request. `answer` gives what is said at once, or None: it computes."""

    def __init__(self, server: FakeLlama, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.lease = ""
        self.salt = ""

    def answer(self, request: Request) -> Any:
        routes: dict[str, Callable[[Json, str], Any]] = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._text,
            "/completion": self._native,
            "/completions": self._native,
            "/v1/embeddings": self._embeddings,
            "/v1/rerank": self._rerank,
            "/v1/audio/transcriptions": self._transcription,
            "/tokenize": lambda body, _: {"tokens": list(tokens_of(str(body["content"])))},
            "/detokenize": lambda body, _: {"content": " ".join(map(str, body["tokens"]))},
            "/apply-template": lambda body, _: {"prompt": chat_prompt(body["messages"])},
        }
        if self.server.shape.llmstack:
            self.lease = request.headers.get("x-llmstack-lease", "")
            self.salt = request.headers.get("x-llmstack-salt", "")
        route = routes.get(request.path)
        if route is None or request.method != "POST":
            raise Rejected(404, error(404, "not_found_error", "File Not Found"))
        try:
            body = _form(request) if _is_form(request) else json.loads(request.body)
        except ValueError as broken:
            message = f"[json.exception.parse_error.101] {broken}"
            raise Rejected(500, error(500, "server_error", message)) from None
        self.server.last_fields = body
        try:
            return route(body, f"chatcmpl-{zlib.crc32(request.body):08x}")
        except KeyError as missing:
            message = f"[json.exception.out_of_range.403] key {missing} not found"
            raise _invalid(message) from None

    def _chat(self, body: Json, id: str) -> None:
        options = body.get("stream_options") or {}
        style = Chat(self._name(), id, bool(options.get("include_usage")))
        self._generate(body, [chat_prompt(body["messages"])], Stream, style)

    def _text(self, body: Json, id: str) -> None:
        self._generate(body, _several(body["prompt"]), Stream, Text(self._name(), id))

    def _native(self, body: Json, id: str) -> None:
        self._generate(body, _several(body["prompt"]), Stream, Native(self._name()))

    def _transcription(self, body: Json, id: str) -> None:
        """Fields of a form are strings."""
        file = body.pop("file", None)
        if file is None:
            raise _invalid("No input file found for transcription")
        stream = body.get("stream") == "true"
        limit = int(body.get("max_tokens", self.server.shape.answer_tokens))
        asked = {"stream": stream, "max_tokens": limit}
        self._generate(asked, [f"{body.get('prompt', '')} {len(file)}"], Stream, Transcript())

    def _embeddings(self, body: Json, id: str) -> None:
        if self.server.shape.mode != "embed":
            raise _unsupported("embeddings", "--embeddings")
        self._once(_several(body["input"]), Vectors(self._name()))

    def _rerank(self, body: Json, id: str) -> None:
        if self.server.shape.mode != "rerank":
            raise _unsupported("reranking", "--reranking")
        texts = [f"{body['query']} {document}" for document in body["documents"]]
        self._once(texts, Ranks(self._name()))

    def _name(self) -> str:
        return self.server.shape.model

    def _generate(self, body: Json, prompts: list[str], kind: type[Stream], style: Any) -> None:
        work = self._work(kind if body.get("stream") else Plain, style)
        limit = body.get("max_tokens") or body.get("n_predict") or body.get("max_completion_tokens")
        copies = int(body.get("n") or body.get("n_cmpl") or 1)
        slots = self.server.shape.slots
        if copies > slots:
            raise _invalid(
                f"Field 'n': Value must be between 1 <= value <= {slots}, but got {copies}"
            )
        tasks = [self._task(work, prompt, limit) for prompt in prompts]
        for task in tasks:
            task.reuses = body.get("cache_prompt") is not False
            task.children = [self._child(work, task) for _ in range(copies - 1)]
        self._begin(work, [member for task in tasks for member in (task, *task.children)])

    def _once(self, texts: list[str], style: Any) -> None:
        work = self._work(Plain, style)
        self._begin(work, [self._task(work, text, 0) for text in texts])

    def _work(self, kind: type[Plain] | type[Stream], style: Any) -> Work:
        faults = self.server.faults
        death = faults.next_death()
        return kind(style, self.server.engine, self.connection, death, faults.events)

    def _begin(self, work: Work, tasks: list[Task]) -> None:
        for index, task in enumerate(tasks):
            task.index = index
        self.server.requests += 1
        work.begin(tasks)

    def _task(self, work: Work, text: str, limit: int | None) -> Task:
        prompt, context = tokens_of(text) or (0,), self.server.shape.context
        if len(prompt) >= context:
            message = (
                f"request ({len(prompt)} tokens) exceeds the available context size"
                f" ({context} tokens), try increasing it"
            )
            counts = {"n_prompt_tokens": len(prompt), "n_ctx": context}
            raise Rejected(400, error(400, "exceed_context_size_error", message, **counts))
        wanted = self.server.shape.answer_tokens if limit is None else limit
        finish = "stop" if limit is None else "length"
        room = min(wanted, context - len(prompt))
        return self._made(Task(self.server.engine.new_id(), prompt, room, work.told, finish))

    def _child(self, work: Work, parent: Task) -> Task:
        number = self.server.engine.new_id()
        return self._made(
            Task(number, parent.prompt, parent.limit, work.told, parent.finish, parent=parent)
        )

    def _made(self, task: Task) -> Task:
        task.lease, task.salt = self.lease, self.salt
        return task


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def _form(request: Request) -> Json:
    """The fields of a form, as strings; of its file the bytes."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields: Json = {}
    for part in message_from_bytes(head + bytes(request.body), policy=policy.HTTP).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = content if part.get_filename() else content.decode()
    return fields


def _unsupported(what: str, flag: str) -> Rejected:
    message = f"This server does not support {what}. Start it with `{flag}`"
    return Rejected(501, error(501, "not_supported_error", message))


def _several(prompt: object) -> list[str]:
    """A prompt, or an array of prompts; one given as numbers is one prompt."""
    if not isinstance(prompt, list):
        return [str(prompt)]
    if prompt and all(isinstance(item, int) for item in prompt):
        return [" ".join(map(str, prompt))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in prompt]
