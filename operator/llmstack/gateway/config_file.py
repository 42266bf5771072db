"""What does the gateway serve without a cluster, and what when its file changes?

    FILE ─ parse ─> with the files that it names ─> GatewayConfig
      └─ changed (any of them) ─> read again ─> broken: logged, the old one stays, but for keys

Relative paths start at the folder of FILE. A Secret or ConfigMap that is mounted changes by a
swapped link, an editor renames a new file over the old: so what is compared is where the path
leads to now. Keys are read whatever else is broken: one that was taken out must not stay.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from llmstack.errors import ConfigurationError
from llmstack.gateway.catalog import Backend, Catalog, Model, QueueLimits, catalog_of
from llmstack.gateway.config_schema import (
    Address,
    BackendPart,
    ConfigPart,
    ModelPart,
    PeersPart,
    parse,
)
from llmstack.gateway.keys import Keys, parse_keys
from llmstack.gateway.peers.place import Peers

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SETTLE_SECONDS = 0.1
"""A file that changes is read when two looks so far apart saw the same."""
_MOST_LOOKS = 5
"""After so many it is read all the same: who writes without end must not keep a key alive."""

Print = tuple[tuple[int, ...] | None, ...]
"""What tells one state of some files from another; None for a file that is not there."""


@dataclass(frozen=True)
class GatewayConfig:
    """What one state of the file asks for.

    keys       None: everyone may come in; keys_path is where they are
    load_key   bearer of /load; "" asks for none, None lets nobody in
    peers      the other gateways; None: there are none
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
        if self.config.keys is not None:
            self.config.keys.log_faults()

    async def follow(self, changed: Callable[[GatewayConfig], None]) -> None:
        """Calls back with each new state, for as long as it runs."""
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
        # The look comes before the reading: what changes in between is seen the next time.
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
        """The new state; of one that cannot be used the keys alone."""
        reader = _Reader(self._path, running=True)
        try:
            return _as_it_listens(reader.config(), self.config)
        except ConfigurationError as error:
            log.error("%s. Keeping the previous configuration", error)
            path = self.config.keys_path
            return replace(self.config, keys=reader.keys(path)) if path else self.config
        finally:
            # Also those of a broken state: one that was missing may come.
            if reader.files != self._files:
                self._files, self._print = reader.files, ()


def _as_it_listens(new: GatewayConfig, running: GatewayConfig) -> GatewayConfig:
    """The new state with the addresses that this process has bound."""
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
    """The new members; how this process reaches them stays."""
    if new is None or running is None or _identity(new) != _identity(running):
        if new != running:
            log.warning("changes of peers require a restart of the gateway")
        return running
    return new


def _identity(peers: Peers) -> tuple[object, ...]:
    return peers.listen, peers.name, peers.key


def _without_token(admin: Address) -> str | None:
    """The bearer of /load where none is named: who is on this machine may read it."""
    return "" if admin.loopback else None


def _refuse_strangers(config: GatewayConfig) -> None:
    if config.keys is None and not config.listen.loopback:
        raise ConfigurationError(
            f"listen: {config.listen} can be reached from other machines, and there are no keys: "
            "add keysFile (`llmstack key TENANT` makes a key), or listen on 127.0.0.1"
        )


class _Reader:
    """Reads the file, then those that it names, and remembers which.

    At the start a keysFile without one key is an error; `running`, it lets nobody in.
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
        """What the keysFile says now. Raises ConfigurationError at the start alone."""
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
        queue = part.queue
        return Model(
            name=part.name,
            aliases=part.aliases,
            mode=part.mode,
            queue=QueueLimits(
                queue.max_requests,
                queue.timeout_seconds,
                queue.cold_start_timeout_seconds,
                queue.reserve,
            ),
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
    # A copy may keep the time of its original (cp -p): its ctime is new all the same.
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
