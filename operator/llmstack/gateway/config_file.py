"""What does the gateway serve without a cluster, and what when its file changes?

    FILE ─ parse ─> with the files that it names ─> GatewayConfig
      └─ changed (any of them) ─> read again ─> broken: logged, the old one stays

Relative paths start at the folder of FILE. A Secret or ConfigMap that is mounted changes by a
swapped link, an editor renames a new file over the old: so what is compared is where the path
leads to now.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from llmstack.errors import ConfigurationError, InvalidInput
from llmstack.gateway.catalog import Backend, Catalog, Model, QueueLimits, catalog_of
from llmstack.gateway.config_schema import Address, BackendPart, ConfigPart, ModelPart, parse
from llmstack.gateway.keys import Keys, parse_keys

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SETTLE_SECONDS = 0.1
"""A file that changes is read when two looks so far apart saw the same."""

Print = tuple[tuple[int, ...] | None, ...]
"""What tells one state of some files from another; None for a file that is not there."""


@dataclass(frozen=True)
class GatewayConfig:
    """What does one state of the file ask for? `keys` None: everyone may come in."""

    listen: Address
    admin: Address
    catalog: Catalog
    keys: Keys | None = None
    cors_origins: tuple[str, ...] = ()


def load(path: Path) -> GatewayConfig:
    """The file and those that it names. Raises ConfigurationError."""
    return _Reader(path).config()


class ConfigFile:
    """The newest state of the file that could be used."""

    def __init__(self, path: Path, look_seconds: float = _LOOK_SECONDS) -> None:
        """Reads it. Raises ConfigurationError."""
        self._path = path
        self._look_seconds = look_seconds
        self._files = [path]
        self._print: Print = ()
        self.config = load(path)

    async def follow(self, changed: Callable[[GatewayConfig], None]) -> None:
        """Calls back with each new state, for as long as it runs."""
        while True:
            await self._wait_for_a_change()
            config = await asyncio.to_thread(self._read)
            if config is not None and config != self.config:
                log.info("%s has changed: %d models", self._path, len(config.catalog.models))
                self.config = config
                changed(config)

    async def _wait_for_a_change(self) -> None:
        # The look comes before the reading: what changes in between is seen the next time.
        seen = await asyncio.to_thread(_look, self._files)
        while seen == self._print:
            await asyncio.sleep(self._look_seconds)
            seen = await asyncio.to_thread(_look, self._files)
        while seen != self._print:
            self._print = seen
            await asyncio.sleep(_SETTLE_SECONDS)
            seen = await asyncio.to_thread(_look, self._files)

    def _read(self) -> GatewayConfig | None:
        """The new state, or None if it cannot be used."""
        reader = _Reader(self._path)
        try:
            return _as_it_listens(reader.config(), self.config)
        except ConfigurationError as error:
            log.error("%s. What was read before stays", error)
            return None
        finally:
            # Also those of a broken state: one that was missing may come.
            if reader.files != self._files:
                self._files, self._print = reader.files, ()


def _as_it_listens(new: GatewayConfig, running: GatewayConfig) -> GatewayConfig:
    """The new state with the addresses that this process has bound."""
    if (new.listen, new.admin) != (running.listen, running.admin):
        log.warning(
            "listen %s and admin %s stay as they are until the gateway is restarted",
            running.listen,
            running.admin,
        )
    config = replace(new, listen=running.listen, admin=running.admin)
    _refuse_strangers(config)
    return config


def _refuse_strangers(config: GatewayConfig) -> None:
    if config.keys is None and not config.listen.loopback:
        raise ConfigurationError(
            f"listen: {config.listen} can be reached from other machines, and there are no keys: "
            "add keysFile (`llmstack key TENANT` makes a key), or listen on 127.0.0.1"
        )


class _Reader:
    """Reads the file, then those that it names, and remembers which."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files = [path]

    def config(self) -> GatewayConfig:
        part = parse(self._text(self._path, str(self._path)), str(self._path))
        config = GatewayConfig(
            listen=part.listen,
            admin=part.admin,
            catalog=catalog_of([self._model(model) for model in part.models]),
            keys=self._keys(part),
            cors_origins=part.cors.origins,
        )
        try:
            _refuse_strangers(config)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path}: {error}") from error
        return config

    def _keys(self, part: ConfigPart) -> Keys | None:
        if not part.keys_file:
            return None
        path = self._path.parent / part.keys_file
        try:
            return parse_keys(self._text(path, f"{self._path}: keysFile"), str(path))
        except InvalidInput as error:
            raise ConfigurationError(str(error)) from error

    def _model(self, part: ModelPart) -> Model:
        queue = part.queue
        return Model(
            name=part.name,
            aliases=part.aliases,
            mode=part.mode,
            queue=QueueLimits(
                queue.max_requests, queue.timeout_seconds, queue.cold_start_timeout_seconds
            ),
            wedge_seconds=part.wedge_seconds,
            cache_sharing=part.cache_sharing,
            backends=tuple(self._backend(backend) for backend in part.backends),
        )

    def _backend(self, part: BackendPart) -> Backend:
        address = part.url
        key = self._key(part.api_key_file) if part.api_key_file else ""
        return Backend(id=str(address), host=address.host, port=address.port, key=key)

    def _key(self, name: str) -> str:
        path = self._path.parent / name
        key = self._text(path, f"{self._path}: apiKeyFile").strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError(f"{path}: an apiKeyFile holds one key and nothing else")
        return key

    def _text(self, path: Path, what: str) -> str:
        if path not in self.files:
            self.files.append(path)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{what} cannot be read: {error}") from error


def _look(files: Iterable[Path]) -> Print:
    return tuple(_print(path) for path in files)


def _print(path: Path) -> tuple[int, ...] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
