"""From which secret are the servers' keys derived?

Created once, never overwritten: another root would restart every replica. A copy stands beside it.
When it is deleted, the same one is written again: the leader looks every few seconds, and one that
starts reads the copy.
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
    """The root, read at most once in `refresh` seconds."""

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
        """The root; created if there is none. Raises ConfigurationError for one that is broken."""
        if self._root is None or self._clock() >= self._read_at + self._refresh:
            started = self._clock()
            first = self._root is None
            self._root = await self._read() or await self._create()
            self._read_at = started
            if first:
                await self.keep()
        return self._root

    async def keep(self) -> None:
        """Puts the Secret and its copy back, should one of them be gone. For the leader."""
        if self._root is None:
            return
        for name in (self._name, root_copy_name(self._name)):
            try:
                if await self._client.get(SECRET, self._namespace, name) is None:
                    await self._write(name, self._root)
            except ApiError as error:
                log.warning("cannot maintain the Secret %s/%s: %s", self._namespace, name, error)

    async def existing(self) -> bytes:
        """The root, for one who may not write. Raises ConfigurationError while there is none."""
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
            # Somebody was faster: theirs counts.
            if not error.conflict:
                raise
            return await self._read() or root
        return root

    async def _copied(self) -> bytes | None:
        """The root of the copy; None where an older chart gives no right to it."""
        try:
            return await self._read(root_copy_name(self._name))
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            return None

    async def _write(self, name: str, root: bytes) -> None:
        await self._client.create(build_root_secret(self._namespace, name, root))
        log.info("created the root Secret %s/%s", self._namespace, name)
