"""How many tokens did a response take? Read from its beginning or end, which hold the counts.

llama-server's last chunk always carries `timings`, with or without `stream_options`; other
responses carry `usage`. Inside generated text quotes are escaped, so it cannot imitate either.
"""

import re
from dataclasses import dataclass

_FIELD = re.compile(
    rb'"(prompt_n|cache_n|predicted_n|prompt_tokens|completion_tokens|input_tokens|output_tokens'
    rb'|tokens_evaluated|tokens_predicted|cached_tokens|cache_read_input_tokens)"\s*:\s*(\d{1,12}+)(?!\d)'
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the prompt (`cached` of them came from the KV cache) and of the completion."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    @property
    def hit(self) -> float | None:
        """The share of the prompt that came from the cache, 0 to 1; None without counts."""
        return self.cached / self.prompt if self.prompt else None


def read(text: bytes) -> Usage:
    """The counts in a piece of a response; the last of each kind. Zeros where there are none."""
    found = {name: int(value) for name, value in _FIELD.findall(text)}
    if b"prompt_n" in found:
        cached = found.get(b"cache_n", 0)
        return Usage(found[b"prompt_n"] + cached, cached, found.get(b"predicted_n", 0))
    # Anthropic's input_tokens leave out what was cached; OpenAI's counts include it.
    beside = found.get(b"cache_read_input_tokens", 0)
    return Usage(
        prompt=_first(found, b"prompt_tokens", b"input_tokens", b"tokens_evaluated") + beside,
        cached=found.get(b"cached_tokens", beside),
        completion=_first(found, b"completion_tokens", b"output_tokens", b"tokens_predicted"),
    )


def _first(found: dict[bytes, int], *names: bytes) -> int:
    return next((found[name] for name in names if name in found), 0)
