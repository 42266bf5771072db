"""What does one variable of the environment say?"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmstack.errors import ConfigurationError


class Reader:
    """The environment's texts; one that is empty or blank counts as not set."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str) -> str:
        return self._env.get(name, "").strip()


def text(read: Reader, name: str, default: str) -> str:
    return read.text(name) or default


def required(read: Reader, name: str, _default: object = None) -> str:
    value = read.text(name)
    if not value:
        raise ConfigurationError(f"{name} is not set; the Helm chart sets it, see docs/settings.md")
    return value


def file(read: Reader, name: str, default: str) -> str:
    """The text of the file that is named."""
    path = read.text(name)
    try:
        return Path(path).read_text() if path else default
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the file in {name} cannot be read: {error}") from error


def names(read: Reader, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A list with commas between."""
    return tuple(part.strip() for part in read.text(name).split(",") if part.strip()) or default


def labels(read: Reader, name: str, _default: object = None) -> dict[str, str]:
    """`name=value` with commas between."""
    pairs = [part.partition("=") for part in names(read, name)]
    if not all(key and equals and value for key, equals, value in pairs):
        raise ConfigurationError(
            f"{name} must be labels, as comma-separated name=value, not {read.text(name)}"
        )
    return {key: value for key, _, value in pairs}


def objects(read: Reader, name: str, _default: object = None) -> tuple[dict[str, Any], ...]:
    """A JSON list of objects."""
    try:
        value = json.loads(read.text(name) or "[]")
    except ValueError as error:
        raise ConfigurationError(f"{name} must be JSON: {error}") from error
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ConfigurationError(f"{name} must be a JSON list of objects")
    return tuple(value)


def seconds(read: Reader, name: str, default: float) -> float:
    """A positive, finite number of seconds."""
    value = _number(read, name, default)
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{name} must be a positive number of seconds, not {value:g}")
    return value


def count(read: Reader, name: str, default: int) -> int:
    """A positive whole number."""
    value = _number(read, name, default)
    if value < 1 or value != int(value):
        raise ConfigurationError(f"{name} must be a positive whole number, not {value:g}")
    return int(value)


def choice(*choices: str) -> Callable[[Reader, str, str], str]:
    """One of these words, in upper or lower case."""

    def read_choice(read: Reader, name: str, default: str) -> str:
        value = (read.text(name) or default).lower()
        if value not in choices:
            raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value}")
        return value

    return read_choice


def chosen(yes: str, no: str) -> Callable[[Reader, str, bool], bool]:
    """True for the one word, False for the other."""

    def read_chosen(read: Reader, name: str, default: bool) -> bool:
        return choice(yes, no)(read, name, yes if default else no) == yes

    return read_chosen


def _number(read: Reader, name: str, default: float) -> float:
    value = read.text(name)
    try:
        return float(value) if value else default
    except ValueError as error:
        raise ConfigurationError(f"{name} must be a number, not {value!r}") from error
