"""Which credentials does the login plug-in of a kubeconfig (`exec`) give?

    run it ─> ExecCredential ─ a token, or a certificate with its key
       ^            └─ kept until it expires or the API server answers 401 ─┐
       └────────────────────────────────────────────────────────────────────┘

What a plug-in writes to its standard output is never quoted. Its standard error is this process's
own, as it is kubectl's.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from llmstack.errors import ConfigurationError
from llmstack.kube.kubeconfig import Access
from llmstack.secret import Secret

_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_RUN_SECONDS = 60.0
_EARLY_SECONDS = 10.0
"""A credential is renewed so long before it expires."""

_CLUSTER_FIELDS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)


@dataclass(frozen=True)
class Credential:
    """Either a token or a certificate with its key, as PEM text. `expires`: seconds of 1970."""

    token: Secret
    certificate: str = ""
    key: Secret = field(default_factory=Secret)
    expires: float | None = None


class ExecPlugin:
    """The plug-in, and what it gave last."""

    def __init__(self, access: Access, environ: Mapping[str, str], clock: Callable[[], float]):
        self._asked = asked = access.user["exec"]
        self._where = access.where
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Credential | None = None
        try:
            self._command = [asked["command"], *(asked.get("args") or ())]
            extra = {item["name"]: item["value"] for item in asked.get("env") or ()}
            info = self._info(access)
        except (KeyError, TypeError, AttributeError):
            raise self._fault("it is not valid") from None
        if asked.get("apiVersion") not in _VERSIONS:
            raise self._fault(f"its apiVersion must be one of {', '.join(_VERSIONS)}")
        if asked.get("interactiveMode") == "Always":
            raise self._fault("it requires a terminal (interactiveMode: Always)")
        self._environ = {**environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    async def credential(self, refused: Credential | None = None) -> Credential:
        """What is valid now. `refused`: the API server does not take this one any more.

        Raises ConfigurationError.
        """
        async with self._lock:  # one run for all that ask
            if self._known is None or self._known is refused or self._expired(self._known):
                self._known = self._read(await self._run())
            return self._known

    @property
    def known(self) -> Credential | None:
        """What it gave last."""
        return self._known

    @property
    def certifies(self) -> bool:
        """It gave a certificate last."""
        return bool(self._known and self._known.certificate)

    def _expired(self, credential: Credential) -> bool:
        expires = credential.expires
        return expires is not None and self._clock() >= expires - _EARLY_SECONDS

    def _info(self, access: Access) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": False}
        if self._asked.get("provideClusterInfo"):
            cluster = access.cluster
            spec["cluster"] = {key: cluster[key] for key in _CLUSTER_FIELDS if cluster.get(key)}
            for extension in cluster.get("extensions") or ():
                if extension["name"] == f"{_GROUP}/exec":
                    spec["cluster"]["config"] = extension["extension"]
        return {
            "apiVersion": self._asked.get("apiVersion"),
            "kind": "ExecCredential",
            "spec": spec,
        }

    async def _run(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except (OSError, TypeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "its arguments must be strings"
            hint = self._asked.get("installHint")
            raise self._fault(f"{why}{f'. {hint}' if hint else ''}") from None
        try:
            async with asyncio.timeout(_RUN_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            raise self._fault(f"it did not exit within {_RUN_SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if process.returncode:
            raise self._fault(f"it exited with status {process.returncode}")
        return output

    def _read(self, output: bytes) -> Credential:
        try:
            answer = json.loads(output)
            status = answer["status"]
            token, certificate = status.get("token"), status.get("clientCertificateData")
            key, expires = status.get("clientKeyData"), status.get("expirationTimestamp")
            moment = datetime.fromisoformat(expires) if expires else None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._fault("its output is not an ExecCredential with a status") from None
        if answer.get("apiVersion") != self._asked["apiVersion"]:
            raise self._fault("its output has another apiVersion than requested")
        if not token and not (certificate and key):
            raise self._fault("its output contains neither a token nor a certificate with its key")
        if moment and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return Credential(
            Secret(str(token or "")),
            str(certificate or "") if key else "",
            Secret(str(key or "") if certificate else ""),
            moment.timestamp() if moment else None,
        )

    def _fault(self, why: str) -> ConfigurationError:
        name = os.path.basename(str(self._asked.get("command", "")))  # noqa: PTH119
        return ConfigurationError(f"{self._where}: the login plugin {name!r} cannot be used: {why}")
