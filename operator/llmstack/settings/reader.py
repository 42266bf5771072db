"""What does one variable of the environment say?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmstack.errors import ConfigurationError


class Reader:
    """Reads variables by kind; what cannot be read is an error that names the variable."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str) -> str:
        return self._env.get(name, "").strip() or default

    def required(self, name: str) -> str:
        value = self.text(name, "")
        if not value:
            raise ConfigurationError(
                f"{name} is not set; the Helm chart sets it, see llmstack.settings"
            )
        return value

    def file(self, name: str) -> str:
        path = self.text(name, "")
        try:
            return Path(path).read_text() if path else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the file in {name} cannot be read: {error}") from error

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def labels(self, name: str) -> dict[str, str]:
        pairs = [part.partition("=") for part in self.names(name)]
        if not all(key and equals and value for key, equals, value in pairs):
            raise ConfigurationError(
                f"{name} must be labels, as comma-separated name=value, not {self.text(name, '')}"
            )
        return {key: value for key, _, value in pairs}

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        try:
            value = json.loads(self.text(name, "[]"))
        except ValueError as error:
            raise ConfigurationError(f"{name} must be JSON: {error}") from error
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise ConfigurationError(f"{name} must be a JSON list of objects")
        return tuple(value)

    def seconds(self, name: str, default: float) -> float:
        value = self._number(name, default)
        if not 0 < value < float("inf"):
            raise ConfigurationError(f"{name} must be a positive number of seconds, not {value:g}")
        return value

    def count(self, name: str, default: int) -> int:
        value = self._number(name, default)
        if value < 1 or value != int(value):
            raise ConfigurationError(f"{name} must be a positive whole number, not {value:g}")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, choices[0]).lower()
        if value not in choices:
            raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value}")
        return value

    def _number(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        try:
            return float(text)
        except ValueError as error:
            raise ConfigurationError(f"{name} must be a number, not {text!r}") from error
