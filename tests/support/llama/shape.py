"""How large and how fast is a fake llama-server?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Shape:
    """Rates are tokens per second; times are seconds.

    A step computes the prompts that wait, at most `batch` tokens of them, and one token for each
    slot that decodes: `decode` is how many such tokens one slot gets per second, however many
    slots decode beside it. `look` is how often the server looks whether a client that has got no
    byte yet is still there. With `patient_slots`, /slots waits for the end of a step, as in older
    builds; else it is answered at once. Without `llmstack` it is a server without our patch: it
    shows no leases and heeds no salts.
    """

    slots: int = 2
    context: int = 4096
    prefill: float = 20_000.0
    decode: float = 200.0
    batch: int = 2048
    answer_tokens: int = 16
    mode: Literal["generate", "embed", "rerank"] = "generate"
    key: str = ""
    model: str = "sample"
    loading: float = 0.0
    look: float = 1.0
    idle: float = 5.0
    patient_slots: bool = False
    prefix_cache: bool = True
    llmstack: bool = True
