"""What may the file of `llmstack gateway --config FILE` contain?

    listen: 127.0.0.1:8080
    admin: 127.0.0.1:9090
    keysFile: keys
    loadTokenFile: load-token
    cors: {origins: [https://chat.example]}
    peers: {listen: 10.0.0.1:9191, members: [10.0.0.1:9191, 10.0.0.2:9191], tokenFile: peers-token}
    models:
    - name: smol
      aliases: [gpt-4o-mini]
      mode: generate
      backends: [{url: http://127.0.0.1:9000, apiKeyFile: key}]
      queue: {maxRequests: 1000, timeoutSeconds: 60, coldStartTimeoutSeconds: 600}
      wedgeSeconds: 120
      cacheSharing: Tenant

docs/gateway-config.md explains it.
"""

import ipaddress
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from llmstack.api.engine import MediaHost, Mode
from llmstack.api.model import Alias
from llmstack.api.scaling import QueueSpec
from llmstack.api.sharing import CacheSharing
from llmstack.errors import ConfigurationError
from llmstack.secret import without_credentials

LOCALHOST = "localhost"
_HOST = re.compile(r"[a-z0-9._:%-]+")


@dataclass(frozen=True)
class Address:
    """Where a server listens or a replica answers."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """True if only this machine can reach it."""
        if self.host == LOCALHOST:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _wrong(words: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", words)


def _address(value: object) -> Address:
    """Parses `host:port`; port 0 means any free port."""
    words = f"write an address and a port, like 127.0.0.1:8080 or [::1]:8080, not {value!r}"
    try:
        parts = urlsplit(f"//{value}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(words) from error
    if not host or port is None or parts.netloc != value or "@" in parts.netloc:
        raise _wrong(words)
    return Address(host, port)


def address_of(text: str) -> Address:
    """Parses an address of the form `host:port`. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port:
        raise ValueError(f"{text!r} is not host:port")
    return Address(parts.hostname, parts.port)


def _backend_address(value: object) -> Address:
    shown = without_credentials(str(value))
    words = f"write the root of a llama-server, like http://127.0.0.1:9000, not {shown!r}"
    try:
        parts = urlsplit(str(value))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(words) from error
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "http" or rest or "@" in parts.netloc or port == 0:
        raise _wrong(words)
    if not host or not _HOST.fullmatch(host):  # It becomes a header's value.
        raise _wrong(words)
    return Address(host, port or 80)


def _peer_address(value: object) -> Address:
    address = _address(value)
    if not address.port:
        raise _wrong(f"write the port by which its peers reach a gateway, not {value!r}")
    return address


def _origin(value: str) -> str:
    words = f"write an origin without a path, like https://chat.example, or *, not {value!r}"
    parts = urlsplit(value)
    if value != "*" and (not parts.netloc or f"{parts.scheme}://{parts.netloc}" != value):
        raise _wrong(words)
    return value


Listen = Annotated[Address, BeforeValidator(_address)]
PeerAddress = Annotated[Address, BeforeValidator(_peer_address)]
BackendUrl = Annotated[Address, BeforeValidator(_backend_address)]
Origin = Annotated[str, AfterValidator(_origin)]


class _Part(BaseModel):
    """A part of the file. Fields are in camelCase; unknown ones are refused."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, extra="forbid", arbitrary_types_allowed=True
    )


class CorsPart(_Part):
    """The web pages that may call the gateway from a browser."""

    origins: tuple[Origin, ...] = ()


class QueuePart(QueueSpec):
    """How requests wait, as in `spec.queue` of an LLMDeployment."""

    model_config = ConfigDict(extra="forbid")


class BackendPart(_Part):
    """A llama-server. The file at `api_key_file` contains its key and nothing else."""

    url: BackendUrl
    api_key_file: str = ""


class ModelPart(_Part):
    """What is served under one name."""

    name: Alias
    aliases: tuple[Alias, ...] = ()
    mode: Mode = Mode.GENERATE
    backends: tuple[BackendPart, ...] = ()
    queue: QueuePart = QueuePart()
    wedge_seconds: float = Field(default=120, ge=10, le=3600)
    cache_sharing: CacheSharing = CacheSharing.TENANT
    media_hosts: tuple[MediaHost, ...] = ()


class PeersPart(_Part):
    """The other gateways of the same servers. All have the same token."""

    listen: PeerAddress
    name: PeerAddress | None = None
    members: tuple[PeerAddress, ...] = Field(min_length=1)
    token_file: str = Field(min_length=1)


class ConfigPart(_Part):
    """The whole file."""

    listen: Listen = Address("127.0.0.1", 8080)
    admin: Listen = Address("127.0.0.1", 9090)
    keys_file: str = ""
    load_token_file: str = ""
    cors: CorsPart = CorsPart()
    peers: PeersPart | None = None
    models: tuple[ModelPart, ...]

    @model_validator(mode="after")
    def _not_empty(self) -> "ConfigPart":
        if not self.models:
            raise _wrong("models: name at least one")
        return self

    @model_validator(mode="after")
    def _each_name_once(self) -> "ConfigPart":
        owners: dict[str, str] = {}
        for model in self.models:
            for name in dict.fromkeys((model.name, *model.aliases)):
                if name in owners:
                    raise _wrong(
                        f"the name {name!r} is claimed by {owners[name]!r} and by {model.name!r}: "
                        "leave it to one of them"
                    )
                owners[name] = model.name
        return self

    @model_validator(mode="after")
    def _each_backend_once(self) -> "ConfigPart":
        # Two ledgers for one server would each grant all of its slots.
        owners: dict[Address, str] = {}
        for model in self.models:
            for backend in model.backends:
                if backend.url in owners:
                    raise _wrong(
                        f"http://{backend.url} serves {owners[backend.url]!r} already: give that "
                        "model an alias in place of a second entry"
                    )
                owners[backend.url] = model.name
        return self


class _Loader(yaml.SafeLoader):
    """Refuses duplicate fields, of which PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        fields: list[Any] = []
        for key, _ in node.value:
            if key.value in fields:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} is there twice", problem_mark=key.start_mark
                )
            fields.append(key.value)
        return super().construct_mapping(node, deep)


_WORDS = {
    "extra_forbidden": "there is no such field: remove it, or see docs/gateway-config.md",
    "missing": "is missing",
    "model_type": "write fields here, `name: value`",
    "tuple_type": "write a list here",
    "string_pattern_mismatch": (
        "a name has letters, digits, '.', '_', ':', '/' and '-', and begins with a letter or digit"
    ),
}
"""Messages that replace pydantic's, by error type."""


def parse(text: str, where: str) -> ConfigPart:
    """Parses the file. Raises ConfigurationError, which names each invalid place."""
    try:
        return ConfigPart.model_validate(yaml.load(text, _Loader) or {})  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where}: {_of_yaml(error)}") from error
    except ValidationError as error:
        clauses = "; ".join(_clause(item) for item in error.errors())
        raise ConfigurationError(f"{where}: {clauses}") from error
    except (ValueError, RecursionError) as error:  # An impossible date, or too deep nesting.
        raise ConfigurationError(f"{where}: not YAML: {error}") from error


def _of_yaml(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"not YAML: {error}"
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"


def _clause(item: ErrorDetails) -> str:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return f"{path}: {_words(item)}" if path else _words(item)


def _words(item: ErrorDetails) -> str:
    kind, message = item["type"], item["msg"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "wrong" or not isinstance(item["input"], str | int | float):
        return message
    return f"{message}, not {item['input']!r}"
