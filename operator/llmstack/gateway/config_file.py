"""What does the gateway serve without a cluster, and what happens when its file changes?

    FILE ─ parse ─> with the files that it names ─> GatewayConfig
      └─ changed (any of them) ─> read again ─> if invalid: logged, the old one stays, except keys

Relative paths start at the folder of FILE. A mounted Secret or ConfigMap changes by swapping a
link, and an editor renames a new file over the old one; so what the path leads to now is compared.
Keys are read even if the rest is invalid, because a removed key must not stay valid.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from llmstack.errors import ConfigurationError
from llmstack.gateway.catalog import Catalog, Model, catalog_of
from llmstack.gateway.config_schema import (
    Address,
    BackendPart,
    ConfigPart,
    ModelPart,
    PeersPart,
    parse,
)
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.keys import Keys, parse_keys
from llmstack.gateway.peers.place import Peers
from llmstack.routing.budget import QueueLimits

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""Seconds between two checks for changes."""
_SETTLE_SECONDS = 0.1
"""A changed file is read once two checks this many seconds apart find it the same."""
_MOST_LOOKS = 5
"""Checks after which it is read anyway: a file that is written endlessly must not keep keys
valid."""

Print = tuple[tuple[int, ...] | None, ...]
"""The state of some files, for comparison; None for a file that does not exist."""


@dataclass(frozen=True)
class GatewayConfig:
    """The configuration in one state of the file.

    keys       None if no key is required; keys_path is the file that holds them
    load_key   bearer token for /load; "" requires none, None refuses everybody
    peers      the other gateways; None if there are none
    """

    listen: Address
    admin: Address
    catalog: Catalog
    keys: Keys | None = None
    cors_origins: tuple[str, ...] = ()
    keys_path: Path | None = None
    load_key: str | None = field(default="", repr=False)
    peers: Peers | None = None


def load(path: Path) -> GatewayConfig:
    """Reads the file and those that it names. Raises ConfigurationError."""
    return _Reader(path).config()


class ConfigFile:
    """Keeps the newest valid state of the file."""

    def __init__(self, path: Path, look_seconds: float = _LOOK_SECONDS) -> None:
        """Reads the file. Raises ConfigurationError."""
        self._path = path
        self._look_seconds = look_seconds
        self._files = [path]
        self._print: Print = ()
        self.config = load(path)
        if self.config.keys is not None:
            self.config.keys.log_faults()

    async def follow(self, changed: Callable[[GatewayConfig], None]) -> None:
        """Calls `changed` with each new state, until cancelled."""
        while True:
            await self._wait_for_a_change()
            config = await asyncio.to_thread(self._read)
            if config != self.config:
                log.info("%s has changed: %d models", self._path, len(config.catalog.models))
                if config.keys is not None and config.keys != self.config.keys:
                    config.keys.log_faults()
                self.config = config
                changed(config)

    async def _wait_for_a_change(self) -> None:
        # Checked before reading, so that a change in between is found the next time.
        seen = await asyncio.to_thread(_look, self._files)
        while seen == self._print:
            await asyncio.sleep(self._look_seconds)
            seen = await asyncio.to_thread(_look, self._files)
        for _ in range(_MOST_LOOKS):
            if seen == self._print:
                return
            self._print = seen
            await asyncio.sleep(_SETTLE_SECONDS)
            seen = await asyncio.to_thread(_look, self._files)

    def _read(self) -> GatewayConfig:
        """Returns the new state. If it is invalid, only its keys are taken."""
        reader = _Reader(self._path, running=True)
        try:
            return _as_it_listens(reader.config(), self.config)
        except ConfigurationError as error:
            log.error("%s. Keeping the previous configuration", error)
            path = self.config.keys_path
            return replace(self.config, keys=reader.keys(path)) if path else self.config
        finally:
            # Includes those of an invalid state, since a missing file may appear.
            if reader.files != self._files:
                self._files, self._print = reader.files, ()


def _as_it_listens(new: GatewayConfig, running: GatewayConfig) -> GatewayConfig:
    """Returns the new state, with the addresses that this process is bound to."""
    if (new.listen, new.admin) != (running.listen, running.admin):
        log.warning(
            "changes of listen (%s) and admin (%s) require a restart of the gateway",
            running.listen,
            running.admin,
        )
    config = replace(new, listen=running.listen, admin=running.admin)
    config = replace(config, peers=_as_they_met(new.peers, running.peers))
    if not config.load_key:
        config = replace(config, load_key=_without_token(running.admin))
    _refuse_strangers(config)
    return config


def _as_they_met(new: Peers | None, running: Peers | None) -> Peers | None:
    """Returns the new members; how this process reaches them cannot change."""
    if new is None or running is None or _identity(new) != _identity(running):
        if new != running:
            log.warning("changes of peers require a restart of the gateway")
        return running
    return new


def _identity(peers: Peers) -> tuple[object, ...]:
    return peers.listen, peers.name, peers.key


def _without_token(admin: Address) -> str | None:
    """Returns the bearer token for /load if none is configured: local users may read it."""
    return "" if admin.loopback else None


def _refuse_strangers(config: GatewayConfig) -> None:
    if config.keys is None and not config.listen.loopback:
        raise ConfigurationError(
            f"listen: {config.listen} can be reached from other machines, and there are no keys: "
            "add keysFile (`llmstack key TENANT` makes a key), or listen on 127.0.0.1"
        )


class _Reader:
    """Reads the file, then those that it names, and remembers which.

    A keysFile without a valid key is an error at startup; if `running`, nobody is let in.
    """

    def __init__(self, path: Path, *, running: bool = False) -> None:
        self._path = path
        self._running = running
        self.files = [path]

    def config(self) -> GatewayConfig:
        part = parse(self._text(self._path, str(self._path)), str(self._path))
        keys_path = self._path.parent / part.keys_file if part.keys_file else None
        config = GatewayConfig(
            listen=part.listen,
            admin=part.admin,
            catalog=catalog_of([self._model(model) for model in part.models]),
            keys=self.keys(keys_path) if keys_path else None,
            cors_origins=part.cors.origins,
            keys_path=keys_path,
            load_key=self._load_key(part),
            peers=self._peers(part.peers) if part.peers else None,
        )
        try:
            _refuse_strangers(config)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path}: {error}") from error
        return config

    def keys(self, path: Path) -> Keys:
        """Returns the keys in the file. Raises ConfigurationError only at startup."""
        try:
            text = self._text(path, f"{self._path}: keysFile", errors="replace")
        except ConfigurationError as error:
            if not self._running:
                raise
            log.error("%s: all requests are rejected until it can be read", error)
            return Keys(missing=True)
        keys = parse_keys(text, str(path))
        if keys.faults and not keys.count and not self._running:
            raise ConfigurationError(keys.faults[0])
        return keys

    def _load_key(self, part: ConfigPart) -> str | None:
        if part.load_token_file:
            return self._key(part.load_token_file, "loadTokenFile")
        return _without_token(part.admin)

    def _peers(self, part: PeersPart) -> Peers:
        return Peers(
            listen=part.listen,
            name=str(part.name or part.listen),
            members=tuple(map(str, part.members)),
            key=self._key(part.token_file, "tokenFile").encode(),
        )

    def _model(self, part: ModelPart) -> Model:
        return Model(
            name=part.name,
            aliases=part.aliases,
            mode=part.mode,
            queue=QueueLimits.of(part.queue),
            wedge_seconds=part.wedge_seconds,
            cache_sharing=part.cache_sharing,
            media_hosts=frozenset(part.media_hosts),
            backends=tuple(self._backend(backend) for backend in part.backends),
        )

    def _backend(self, part: BackendPart) -> Backend:
        address = part.url
        key = self._key(part.api_key_file, "apiKeyFile") if part.api_key_file else ""
        return Backend(id=str(address), host=address.host, port=address.port, key=key)

    def _key(self, name: str, what: str) -> str:
        path = self._path.parent / name
        key = self._text(path, f"{self._path}: {what}").strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError(f"{path}: an {what} holds one key and nothing else")
        return key

    def _text(self, path: Path, what: str, errors: str = "strict") -> str:
        if path not in self.files:
            self.files.append(path)
        try:
            return path.read_text(encoding="utf-8", errors=errors)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{what} cannot be read: {error}") from error


def _look(files: Iterable[Path]) -> Print:
    return tuple(_print(path) for path in files)


def _print(path: Path) -> tuple[int, ...] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    # A copy may keep its original's mtime (cp -p), but its ctime is new.
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
