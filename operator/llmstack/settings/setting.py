"""What is one setting, and how is a whole class of them read?

A setting is a field of a frozen dataclass: the variable, how its text is read, the default, and
what it means. docs/settings.md is made from the same fields, and a class without an environment
has all defaults.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from llmstack.settings.reader import Reader

Kind = Callable[[Reader, str, Any], Any]
"""Reads one variable: the reader, the variable's name, the default."""


@dataclass(frozen=True)
class Setting:
    """One variable of the environment.

    `shown` is the default in words, where its value says less; "required" where there is none.
    """

    name: str
    kind: Kind
    default: Any
    meaning: str
    shown: str


def setting(
    name: str,
    kind: Kind,
    meaning: str,
    default: Any = MISSING,
    *,
    shown: str | None = None,
    hidden: bool = False,
) -> Any:
    """A field that is read from a variable; without a default the variable must be set.

    `hidden` keeps the value out of logs.
    """
    said = shown if shown is not None else _shown(default)
    about = Setting(name, kind, default, meaning, said)
    return field(default=default, repr=not hidden, metadata={"setting": about})


def read(cls: type, env: Mapping[str, str]) -> dict[str, Any]:
    """The values of all settings of this class, by field. Raises ConfigurationError."""
    reader = Reader(env)
    return {
        each.name: known.kind(reader, known.name, known.default)
        for each in fields(cls)
        if (known := _of(each)) is not None
    }


def settings_of(cls: type) -> list[Setting]:
    """The settings of this class, in its order."""
    return [known for each in fields(cls) if (known := _of(each)) is not None]


def _of(each: "Field[Any]") -> Setting | None:
    return each.metadata.get("setting")


def _shown(default: Any) -> str:
    if default is MISSING:
        return "required"
    if default in ("", ()) or default == {}:
        return "none"
    return f"{default:.15g}" if isinstance(default, float) else str(default)
