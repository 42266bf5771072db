"""Which samplers does a request name, and may they run in this order?

llama-server knows each by several names and by a letter. Named twice it runs twice, and `infill`
compares all tokens that are left with each other: with a whole vocabulary that stops the server
for a minute, for each token.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from llmstack.engines.llamacpp.unfit import Unfit

MOST_FOR_INFILL = 100
"""Tokens that `top_k` may leave to `infill`; llama.vim and llama.vscode leave 40."""

_LETTERS = {
    "d": "dry",
    "k": "top_k",
    "y": "typ_p",
    "p": "top_p",
    "s": "top_n_sigma",
    "m": "min_p",
    "t": "temperature",
    "x": "xtc",
    "i": "infill",
    "e": "penalties",
    "a": "adaptive_p",
}
_NAMES = MappingProxyType(
    {
        spelling: name
        for name in _LETTERS.values()
        for spelling in (name, name.replace("_", "-"), name.replace("_", ""))
    }
    | {"nucleus": "top_p", "temp": "temperature", "typ": "typ_p"}
)


def samplers_of(value: str | Iterable[str]) -> list[str]:
    """The samplers in their order, by their first names; what llama-server ignores is left out."""
    if isinstance(value, str):
        found = (_LETTERS.get(letter) for letter in value)
    else:
        found = (_NAMES.get(name.lower()) if name.isascii() else None for name in value)
    return [name for name in found if name is not None]


def check_infill(samplers: list[str], top_k: Any) -> None:
    """Raises Unfit unless few tokens are left when `infill` comes."""
    if "infill" not in samplers:
        return
    few = type(top_k) in (int, float) and 1 <= top_k <= MOST_FOR_INFILL
    if not few or "top_k" not in samplers[: samplers.index("infill")]:
        raise Unfit(
            "The sampler 'infill' in 'samplers' needs 'top_k' before it, and a field 'top_k' from "
            f"1 to {MOST_FOR_INFILL}: it compares all tokens that are left with each other.",
            "samplers",
        )
