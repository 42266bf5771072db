"""Which requests does the gateway forward, and which field holds their prompt?

This is an allow-list: everything else is answered with 404. llama-server's own `/slots`, `/props`,
`/metrics`, `/lora-adapters`, `/tools` and `/cors-proxy` are left out on purpose, since they show or
change other users' requests. Endpoints that clients may expect but that do not exist here are
answered with 501 and an alternative (`UNSERVED`). paths.py handles other spellings.
"""

from dataclasses import dataclass
from functools import cached_property

from llmstack.api.engine import Mode


@dataclass(frozen=True)
class Endpoint:
    """What a path does with a body.

    also       other paths that llama-server serves in the same way
    prompt     field with the prompt; "" if nothing of it can be reused
    setting    fields that precede the prompt in the model's context: system prompt, tools
    many       fields whose array makes one task per entry
    whole      True if several entries of `many` take all slots of a replica, not one each
    slots      False if it computes nothing (tokenising)
    form       True if the body is a form with a file instead of JSON
    """

    path: str
    modes: frozenset[Mode]
    prompt: str = ""
    setting: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    whole: bool = False
    slots: bool = True
    form: bool = False
    also: tuple[str, ...] = ()

    @property
    def streams(self) -> bool:
        """True if it honours `stream`."""
        return self.slots and Mode.GENERATE in self.modes

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """All fields that precede the prompt; an adapter changes what a prompt computes."""
        return ("lora", *self.setting)

    @cached_property
    def setting_names(self) -> frozenset[str]:
        """The same as a set, for lookups."""
        return frozenset(self.settings)


_GENERATE = frozenset({Mode.GENERATE})
_EMBED = frozenset({Mode.EMBED})
_RERANK = frozenset({Mode.RERANK})
_ANY = frozenset(Mode)
_INPUTS = ("input", "content")

CONTROL = "/v1/chat/completions/control"
"""Goes to the replica that runs the stream named in its body (control.py)."""
_ALL = (
    Endpoint(
        "/v1/chat/completions", _GENERATE, "messages", ("tools",), also=("/chat/completions",)
    ),
    Endpoint("/v1/completions", _GENERATE, "prompt", many=("prompt",)),
    Endpoint("/v1/responses", _GENERATE, "input", ("instructions", "tools"), also=("/responses",)),
    Endpoint("/v1/messages", _GENERATE, "messages", ("system", "tools")),
    Endpoint("/completion", _GENERATE, "prompt", many=("prompt",), also=("/completions",)),
    Endpoint("/infill", _GENERATE),
    Endpoint("/v1/audio/transcriptions", _GENERATE, form=True, also=("/audio/transcriptions",)),
    Endpoint("/v1/embeddings", _EMBED, many=_INPUTS, whole=True),
    Endpoint("/embeddings", _EMBED, many=_INPUTS, whole=True, also=("/embedding",)),
    Endpoint(
        "/v1/rerank",
        _RERANK,
        many=("documents", "texts"),
        whole=True,
        also=("/rerank", "/reranking", "/v1/reranking"),
    ),
    Endpoint("/tokenize", _ANY, slots=False),
    Endpoint("/detokenize", _ANY, slots=False),
    Endpoint("/apply-template", _GENERATE, slots=False),
    Endpoint(
        "/v1/chat/completions/input_tokens",
        _GENERATE,
        slots=False,
        also=("/chat/completions/input_tokens",),
    ),
    Endpoint(
        "/v1/responses/input_tokens", _GENERATE, slots=False, also=("/responses/input_tokens",)
    ),
    Endpoint("/v1/messages/count_tokens", _GENERATE, slots=False),
    Endpoint(CONTROL, _GENERATE, slots=False),
)
_NO_IMAGES = "no model here makes images"
_NO_SPEECH = "no model here makes speech"
_SOUND_IN_CHAT = (
    "ask for a translation in a chat: send the sound to POST /v1/chat/completions as a part of a "
    'message, {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}, to a '
    "model that hears"
)
UNSERVED = {
    "/v1/audio/translations": _SOUND_IN_CHAT,
    "/v1/audio/speech": _NO_SPEECH,
    "/v1/images/generations": _NO_IMAGES,
    "/v1/images/edits": _NO_IMAGES,
    "/v1/images/variations": _NO_IMAGES,
    "/v1/moderations": "no model here moderates: ask one in a chat",
}
"""OpenAI's endpoints that are not served, and why, or what to use instead."""
BY_PATH = {endpoint.path: endpoint for endpoint in _ALL}


def paths() -> tuple[str, ...]:
    """Returns all forwarded paths, for messages and tests."""
    return tuple(BY_PATH)


def serving(mode: Mode) -> tuple[str, ...]:
    """Returns the paths that a model of this mode serves."""
    return tuple(endpoint.path for endpoint in _ALL if mode in endpoint.modes)
