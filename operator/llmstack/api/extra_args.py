"""Which entries of `spec.engine.extraArgs` does the API server refuse, and in which words?"""

from collections.abc import Iterable

from llmstack.api.base import Rule
from llmstack.engines.llamacpp.owned_flags import OWNED, OwnedFlag

_ONE_ENTRY_EACH = Rule(
    r"self.all(arg, !arg.matches('^-[^=]*[=\\s]'))",
    "a flag and its value must be separate entries: write ['--temp', '0.7'], not ['--temp=0.7'] or "
    "['--temp 0.7']",
)


def extra_args_rules() -> tuple[Rule, ...]:
    """Return the rules for the whole list, one for each setting that the operator owns."""
    groups: dict[str, list[OwnedFlag]] = {}
    for owned in OWNED:
        groups.setdefault(owned.instead, []).append(owned)
    return (
        _ONE_ENTRY_EACH,
        *(
            _refuse([flag for owned in group for flag in owned.spellings], instead)
            for instead, group in groups.items()
        ),
    )


def _refuse(flags: Iterable[str], instead: str) -> Rule:
    """The rule that no entry is one of these. llama-server reads `--ctx_size` as `--ctx-size`."""
    spellings = sorted(flags, key=lambda flag: (flag.startswith("--"), flag))
    listed = ", ".join(f"'{flag}'" for flag in spellings)
    return Rule(
        f"!self.exists(arg, (arg.startsWith('--') ? arg.replace('_', '-') : arg) in [{listed}])",
        f"extraArgs must not contain {_join(spellings)}: {instead.removeprefix('remove it: ')}",
    )


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
