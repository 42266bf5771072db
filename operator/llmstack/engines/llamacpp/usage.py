"""How many tokens did a response take? Read from its beginning or end, which hold the counts.

llama-server's last chunk always carries `timings`, with or without `stream_options`; other
responses carry `usage`. With `response_fields` a name is a path (`timings/prompt_n`). Generated
text cannot imitate either, because quotes in it are escaped.
"""

import re
from typing import NamedTuple

_NUMBER = re.compile(rb'["/]([a-z_]{7,23}+)"\s*+:\s*+(\d{1,12}+)(?!\d)')
"""Any number whose name has the length of the counts' names: faster than looking for each."""


class Usage(NamedTuple):
    """Tokens of the prompt, those of them that were `cached`, and tokens of the completion."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    @property
    def hit(self) -> float | None:
        """The share of the prompt that was cached, 0 to 1, or None without counts."""
        return self.cached / self.prompt if self.prompt else None


def read(text: bytes) -> Usage:
    """Returns the counts in a piece of a response, the last of each kind; 0 where missing."""
    found: dict[bytes, bytes] = dict(_NUMBER.findall(text))
    get = found.get
    if b"prompt_n" in found:
        cached = int(get(b"cache_n", 0))
        return Usage(int(found[b"prompt_n"]) + cached, cached, int(get(b"predicted_n", 0)))
    # Anthropic's input_tokens exclude cached tokens; OpenAI's counts include them.
    beside = int(get(b"cache_read_input_tokens", 0))
    prompt = get(b"prompt_tokens", get(b"input_tokens", get(b"tokens_evaluated", 0)))
    completion = get(b"completion_tokens", get(b"output_tokens", get(b"tokens_predicted", 0)))
    return Usage(int(prompt) + beside, int(get(b"cached_tokens", beside)), int(completion))
