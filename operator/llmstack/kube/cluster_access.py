"""Where is the API server, and who are we?

    in a pod     the service account's files; the token is rotated
    outside      KUBECONFIG: a token, a file with one, a certificate, a login plug-in

The `kubernetes` package reads both into its Configuration and makes the TLS context. Added here is
what its loader lacks: a token file that is read anew, certificates of plug-ins, impersonation, and
NO_PROXY with networks. A private key is on disk for the moment of loading only.
"""

import logging
import re
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.config.kube_config import load_kube_config_from_dict

from llmstack.errors import ConfigurationError, LLMStackError
from llmstack.kube.exec_plugin import Credential, ExecPlugin
from llmstack.kube.kubeconfig import Access, read_kubeconfig
from llmstack.kube.pem import load_chain
from llmstack.proxies import proxy_for, read_proxies

log = logging.getLogger(__name__)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_BEARER = "BearerToken"
_FILE_SECONDS = 60.0
"""A token file is read anew so often, as the package does with a pod's."""
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
_PRINTABLE = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


class NoCredentials(LLMStackError, aiohttp.ClientConnectionError):
    """There is no token to send that could be one; the message quotes nothing of it."""


@dataclass(frozen=True, eq=False)
class ClusterAccess:
    """The package's Configuration, the TLS context of all connections, headers of each request."""

    configuration: Configuration = field(repr=False)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    plugin: ExecPlugin | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        """Its URL, without a slash at the end; it may have a path."""
        return str(self.configuration.host)

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy that leads to it. It may hold a password."""
        proxy: str | None = self.configuration.proxy
        return proxy

    async def authorization(self) -> str:
        """The value of the header; "" if a certificate speaks for us.

        A token that cannot be renewed now is used as long as the API server takes it. Raises
        NoCredentials.
        """
        configuration = self.configuration
        try:
            value = await configuration.get_api_key_with_prefix(_BEARER)
        except (ConfigException, ConfigurationError, OSError, UnicodeDecodeError) as error:
            value = configuration.api_key.get(_BEARER)
            if not value:
                raise NoCredentials(f"no credentials for the API server: {error}") from None
            log.warning("the token for the API server cannot be renewed: %s", error)
        value = (value or "").strip()
        if value and not _PRINTABLE.fullmatch(value):
            raise NoCredentials(
                "the token for the API server contains line breaks or other invalid characters"
            )
        return value


async def connect(
    kubeconfig: str, env: Mapping[str, str], account: Path = SERVICE_ACCOUNT
) -> ClusterAccess:
    """The connection that these settings ask for. Raises ConfigurationError.

    In a pod no proxy is used: HTTPS_PROXY and its kind are there for downloads (settings).
    """
    try:
        return await _outside(kubeconfig, env) if kubeconfig else _in_pod(env, account)
    except (ConfigException, ssl.SSLError, TypeError, ValueError, AttributeError) as error:
        place = f"KUBECONFIG {kubeconfig}" if kubeconfig else "the service account"
        raise ConfigurationError(f"{place} cannot be used: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, ConfigException):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return f"the certificate or key is invalid, or they do not match ({error.reason})"
    return "it is not a valid kubeconfig"


def _in_pod(env: Mapping[str, str], account: Path) -> ClusterAccess:
    host, token = env.get("KUBERNETES_SERVICE_HOST"), account / "token"
    if not host or not env.get("KUBERNETES_SERVICE_PORT") or not token.exists():
        raise ConfigurationError(
            "no Kubernetes API configured: run in a pod with a service account, or set KUBECONFIG"
        )
    configuration = Configuration()
    InClusterConfigLoader(str(token), str(account / "ca.crt"), environ=env).load_and_set(
        configuration
    )
    return ClusterAccess(configuration, _tls(configuration))


async def _outside(kubeconfig: str, env: Mapping[str, str]) -> ClusterAccess:
    access = read_kubeconfig(kubeconfig)
    _check(access)
    user = access.user
    plain = {key: value for key, value in user.items() if key not in ("exec", "tokenFile")}
    configuration = Configuration()
    with tempfile.TemporaryDirectory() as directory:
        config = Access(access.cluster, plain, access.where).in_files(Path(directory))
        await load_kube_config_from_dict(config, client_configuration=configuration)
        tls = _tls(configuration)
    configuration.proxy = configuration.proxy or _proxy_of_environment(access, env)
    plugin = None
    if user.get("tokenFile"):
        _follow_file(configuration, Path(user["tokenFile"]))
    elif user.get("exec") and not user.get("token"):
        plugin = ExecPlugin(access, env, time.time)
        await _follow_plugin(configuration, plugin, tls)
    return ClusterAccess(configuration, tls, _impersonation(access), plugin)


def _check(access: Access) -> None:
    """Refuses what neither the package nor we can do."""
    if "auth-provider" in access.user:
        raise ConfigurationError(
            f"{access.where}: auth-provider is not supported, as in kubectl: use a "
            "plug-in (exec), a token or a client certificate"
        )
    if not isinstance(access.user.get("token") or "", str):
        raise ConfigurationError(f"{access.where}: token must be a string")
    proxy = str(access.cluster.get("proxy-url") or "http://")
    if not proxy.startswith(("http://", "https://")):
        raise ConfigurationError(f"{access.where}: proxy-url must begin with http:// or https://")


def _tls(configuration: Configuration) -> ssl.SSLContext:
    """The context that the package makes; the files that it was made from are needed no more."""
    context: ssl.SSLContext = RESTClientObject(configuration).ssl_context
    configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None
    return context


def _follow_file(configuration: Configuration, path: Path) -> None:
    """The token is in a file, and may be another one later."""
    due = float("-inf")

    def read(asked: Configuration) -> None:
        nonlocal due
        if time.monotonic() >= due:
            asked.api_key[_BEARER] = f"Bearer {path.read_text().strip()}"
            due = time.monotonic() + _FILE_SECONDS

    try:
        read(configuration)
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"the tokenFile {path} cannot be read") from None
    configuration.refresh_api_key_hook = read


async def _follow_plugin(
    configuration: Configuration, plugin: ExecPlugin, tls: ssl.SSLContext
) -> None:
    """The plug-in is run now, so that its faults show at the start, and whenever it is due."""
    used: Credential | None = None

    async def ask(asked: Configuration) -> None:
        nonlocal used
        newest = await plugin.credential()
        if newest is used:
            return
        if newest.certificate:
            load_chain(tls, newest.certificate, newest.key.reveal())
        if newest.token:
            asked.api_key[_BEARER] = f"Bearer {newest.token.reveal()}"
        used = newest

    await ask(configuration)
    configuration.refresh_api_key_hook = ask


def _impersonation(access: Access) -> tuple[tuple[str, str], ...]:
    """The headers for `as`, `as-uid`, `as-groups` and `as-user-extra`."""
    user = access.user
    if not any(user.get(name) for name in _IMPERSONATION):
        return ()
    try:
        headers = [("Impersonate-User", user["as"])]
        headers += [("Impersonate-Uid", user["as-uid"])] if user.get("as-uid") else []
        headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
        for name, values in (user.get("as-user-extra") or {}).items():
            key = f"Impersonate-Extra-{quote(name.lower(), safe='')}"
            headers += [(key, value) for value in values]
        if all(_PRINTABLE.fullmatch(value) for _, value in headers):
            return tuple(headers)
    except (KeyError, TypeError, AttributeError):
        pass
    raise ConfigurationError(
        f"{access.where}: as-uid, as-groups and as-user-extra need `as`, and each a plain text"
    )


def _proxy_of_environment(access: Access, env: Mapping[str, str]) -> str | None:
    """As kubectl does it; this machine's own addresses are asked directly."""
    server = access.cluster["server"]
    if _LOOPBACK.fullmatch(urlsplit(server).hostname or ""):
        return None
    return proxy_for(server, read_proxies(env)) or None
