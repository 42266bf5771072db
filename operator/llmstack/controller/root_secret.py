"""From which secret are the servers' keys derived?

It is created once and never overwritten, because another root would restart every replica. There is
a copy of it. If the Secret is deleted, the same root is written again: the leader checks every few
seconds, and an operator that starts reads the copy.
"""

import logging
import secrets
from collections.abc import Callable

from llmstack.desired.secret import ROOT_BYTES, build_root_secret, read_root, root_copy_name
from llmstack.errors import ConfigurationError
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import SECRET

log = logging.getLogger(__name__)
_FORBIDDEN = 403


class RootSecret:
    """The root, read at most once per `refresh` seconds."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        refresh: float,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._refresh = refresh
        self._clock = clock
        self._root: bytes | None = None
        self._read_at = float("-inf")

    async def root(self) -> bytes:
        """Returns the root, created if missing. Raises ConfigurationError if it is invalid."""
        if self._root is None or self._clock() >= self._read_at + self._refresh:
            started = self._clock()
            first = self._root is None
            self._root = await self._read() or await self._create()
            self._read_at = started
            if first:
                await self.keep()
        return self._root

    async def keep(self) -> None:
        """Restores the Secret and its copy if one of them is missing. Only the leader calls it."""
        if self._root is None:
            return
        for name in (self._name, root_copy_name(self._name)):
            try:
                if await self._client.get(SECRET, self._namespace, name) is None:
                    await self._write(name, self._root)
            except ApiError as error:
                log.warning("cannot maintain the Secret %s/%s: %s", self._namespace, name, error)

    async def existing(self) -> bytes:
        """Returns the root without creating it. Raises ConfigurationError if there is none."""
        if self._root is None or self._clock() >= self._read_at + self._refresh:
            started = self._clock()
            if found := await self._read():
                self._root, self._read_at = found, started
        if self._root is None:
            raise ConfigurationError(
                f"Secret {self._namespace}/{self._name} is not there yet: the leader creates it"
            )
        return self._root

    async def _read(self, name: str = "") -> bytes | None:
        name = name or self._name
        live = await self._client.get(SECRET, self._namespace, name)
        if live is None:
            return None
        root = read_root(live)
        if root is None:
            raise ConfigurationError(
                f"Secret {self._namespace}/{name} holds no usable root: restore it from a "
                "backup, or delete it to get a new one, which restarts all replicas"
            )
        return root

    async def _create(self) -> bytes:
        root = self._root or await self._copied() or secrets.token_bytes(ROOT_BYTES)
        try:
            await self._write(self._name, root)
        except ApiError as error:
            # Another process was faster, so its root counts.
            if not error.conflict:
                raise
            return await self._read() or root
        return root

    async def _copied(self) -> bytes | None:
        """Returns the copied root, or None; an older chart gives no right to read it."""
        try:
            return await self._read(root_copy_name(self._name))
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            return None

    async def _write(self, name: str, root: bytes) -> None:
        await self._client.create(build_root_secret(self._namespace, name, root))
        log.info("created the root Secret %s/%s", self._namespace, name)
