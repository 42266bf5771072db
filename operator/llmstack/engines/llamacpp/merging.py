"""How do llama-server's answers to the parts of an array become the answer to the whole?

As it would have said it: embeddings in the order of the inputs, ranks by their scores, `index` that
of the whole array, `usage` the sum. Raises ValueError for what is no such answer.
"""

from typing import Any, Protocol

import orjson


class Merging(Protocol):
    """The answer to the whole, as far as it has come."""

    tokens: int

    def add(self, answer: bytes, count: int) -> bytes:
        """The answer to the next part, of `count` entries. Returns what can be said now."""
        ...

    def end(self) -> bytes:
        """All parts were answered. Returns the rest."""
        ...


class _Counted:
    """What all kinds keep: how many entries were answered, and what was used."""

    def __init__(self) -> None:
        self.tokens = 0
        self._done = 0

    def _entries(self, found: Any, count: int) -> list[dict[str, Any]]:
        """The entries of a part, each with its index in the whole."""
        if not isinstance(found, list) or len(found) > count:
            raise ValueError(f"an answer to {count} inputs has other entries")
        for entry in found:
            if not isinstance(entry, dict) or type(entry.get("index")) is not int:
                raise ValueError("an entry has no index")
            entry["index"] += self._done
        self._done += count
        return found

    def _use(self, whole: dict[str, Any]) -> None:
        usage = whole.get("usage")
        used = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        self.tokens += used if type(used) is int else 0

    def _usage(self) -> bytes:
        return orjson.dumps({"prompt_tokens": self.tokens, "total_tokens": self.tokens})


class Embeddings(_Counted):
    """OpenAI's shape: an object with `data`."""

    def add(self, answer: bytes, count: int) -> bytes:
        whole = _object(answer)
        first = not self._done
        entries = self._entries(whole.pop("data", None), count)
        if len(entries) != count:
            raise ValueError(f"{len(entries)} embeddings for {count} inputs")
        self._use(whole)
        text = b",".join(map(orjson.dumps, entries))
        if not first:
            return b"," + text
        model = orjson.dumps(whole.get("model"))
        return b'{"model":%b,"object":"list","data":[%b' % (model, text)

    def end(self) -> bytes:
        return b'],"usage":%b}' % self._usage()


class BareEmbeddings(_Counted):
    """llama.cpp's own shape, where the field is `content`: an array."""

    def add(self, answer: bytes, count: int) -> bytes:
        first = not self._done
        entries = self._entries(orjson.loads(answer), count)
        if len(entries) != count:
            raise ValueError(f"{len(entries)} embeddings for {count} inputs")
        return (b"[" if first else b",") + b",".join(map(orjson.dumps, entries))

    def end(self) -> bytes:
        return b"]"


class Ranks(_Counted):
    """Scores of documents, the best first; `most`: how many are wanted, None for all.

    `bare`: the shape of text-embeddings-inference, an array. Each part has its own best, so the
    best of all are among them.
    """

    def __init__(self, most: int | None, bare: bool) -> None:
        super().__init__()
        self._most = most
        self._bare = bare
        self._score = "score" if bare else "relevance_score"
        self._model: Any = None
        self._found: list[dict[str, Any]] = []

    def add(self, answer: bytes, count: int) -> bytes:
        if self._bare:
            found = orjson.loads(answer)
        else:
            whole = _object(answer)
            found = whole.get("results")
            self._model = whole.get("model")
            self._use(whole)
        self._found += self._entries(found, count)
        self._found.sort(key=self._rank)
        if self._most is not None:
            del self._found[max(0, self._most) :]
        return b""

    def end(self) -> bytes:
        results = orjson.dumps(self._found)
        if self._bare:
            return results
        model = orjson.dumps(self._model)
        return b'{"model":%b,"object":"list","usage":%b,"results":%b}' % (
            model,
            self._usage(),
            results,
        )

    def _rank(self, entry: dict[str, Any]) -> float:
        score = entry.get(self._score)
        if not isinstance(score, int | float):
            raise ValueError("a rank has no score")
        return -score


def _object(answer: bytes) -> dict[str, Any]:
    whole = orjson.loads(answer)
    if not isinstance(whole, dict):
        raise ValueError("no object")
    return whole
