"""Which paths does the gateway forward, and where does each keep its prompt?

An allow-list: what is not here is answered 404. llama-server's own `/slots`, `/props`, `/metrics`,
`/lora-adapters`, `/tools` and `/cors-proxy` stay out on purpose: they show or change other users'
requests.
"""

from dataclasses import dataclass

from llmstack.api.engine import Mode

MODELS = "/v1/models"
"""Answered by the gateway itself."""


@dataclass(frozen=True)
class Endpoint:
    """What does a path do with a body?

    prompt     field with the prompt; "" if nothing can be reused of it
    setting    fields that come before the prompt in the model's context: system prompt, tools
    many       field whose array is one task an entry
    whole      more than one entry of `many` takes all slots of a replica, not one each
    slots      whether it computes at all: tokenising does not
    """

    path: str
    modes: frozenset[Mode]
    prompt: str = ""
    setting: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    whole: bool = False
    slots: bool = True

    @property
    def streams(self) -> bool:
        """Does it heed `stream`?"""
        return self.slots and Mode.GENERATE in self.modes


_GENERATE = frozenset({Mode.GENERATE})
_EMBED = frozenset({Mode.EMBED})
_RERANK = frozenset({Mode.RERANK})
_ANY = frozenset(Mode)

_ALL = (
    Endpoint("/v1/chat/completions", _GENERATE, "messages", ("tools",)),
    Endpoint("/v1/completions", _GENERATE, "prompt", many=("prompt",)),
    Endpoint("/v1/responses", _GENERATE, "input", ("instructions", "tools")),
    Endpoint("/v1/messages", _GENERATE, "messages", ("system", "tools")),
    Endpoint("/completion", _GENERATE, "prompt", many=("prompt",)),
    Endpoint("/infill", _GENERATE),
    Endpoint("/v1/embeddings", _EMBED, many=("input", "content"), whole=True),
    Endpoint("/v1/rerank", _RERANK, many=("documents", "texts"), whole=True),
    Endpoint("/tokenize", _ANY, slots=False),
    Endpoint("/detokenize", _ANY, slots=False),
    Endpoint("/apply-template", _GENERATE, slots=False),
)
_BY_PATH = {endpoint.path: endpoint for endpoint in _ALL}
_MODEL = f"{MODELS}/{{name}}"
_OTHER = "other"


def find(method: str, path: str) -> Endpoint | None:
    """Which endpoint is asked for? None: none of those that are forwarded."""
    return _BY_PATH.get(path) if method == "POST" else None


def public_path(path: str) -> str:
    """The path as logs may show it: one that is served, or a placeholder.

    A client that is set up wrongly puts its key into the path.
    """
    if path in _BY_PATH or path == MODELS:
        return path
    return _MODEL if path.startswith(f"{MODELS}/") else _OTHER


def paths() -> tuple[str, ...]:
    """All forwarded paths, for messages and tests."""
    return tuple(_BY_PATH)


def serving(mode: Mode) -> tuple[str, ...]:
    """Which paths does a model of this mode answer on?"""
    return tuple(endpoint.path for endpoint in _ALL if mode in endpoint.modes)
