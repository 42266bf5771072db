"""Where is the API server, and who are we?

Inside a pod: the service account's files; the token is read anew, for it is rotated. Outside: a
kubeconfig with a token or a client certificate. Plug-ins (`exec`) are not run: the operator
belongs into a pod, and a test brings a certificate.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from llmstack.errors import ConfigurationError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Connection:
    """How is the API server reached? All values as PEM text; `token_file` wins over `token`."""

    server: str
    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    insecure: bool = False

    def read_token(self) -> str:
        """Which bearer token is valid now? Empty if a certificate speaks for us."""
        return self.token_file.read_text().strip() if self.token_file else self.token

    def ssl_context(self) -> ssl.SSLContext | None:
        """With which TLS settings? None for plain HTTP."""
        if not self.server.startswith("https"):
            return None
        context = ssl.create_default_context(cadata=self.ca or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            load_chain(context, self.certificate, self.key)
        return context


def load_chain(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Lets a context present a certificate, both as PEM text.

    Raises ssl.SSLError if the two do not fit together.
    """
    # The ssl module reads certificates from files only; this one lives for the call.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        context.load_cert_chain(file.name)


def connect(kubeconfig: str, env: Mapping[str, str]) -> Connection:
    """Which connection do these settings ask for? Raises ConfigurationError."""
    if kubeconfig:
        return from_kubeconfig(Path(kubeconfig))
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")
    token_file = _SERVICE_ACCOUNT / "token"
    if not host or not port or not token_file.exists():
        raise ConfigurationError(
            "no Kubernetes API to talk to: run in a pod with a service account, or set KUBECONFIG"
        )
    address = f"[{host}]" if ":" in host else host
    ca = (_SERVICE_ACCOUNT / "ca.crt").read_text()
    return Connection(server=f"https://{address}:{port}", ca=ca, token_file=token_file)


def from_kubeconfig(path: Path) -> Connection:
    """What does the current context of this kubeconfig say? Raises ConfigurationError."""
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        server = cluster["server"].rstrip("/")
    except yaml.YAMLError as error:  # Its words quote the file, and so the token in it.
        raise ConfigurationError(f"KUBECONFIG {path} is no YAML{_place(error)}") from None
    except (OSError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        why = error if isinstance(error, OSError | KeyError) else "it has not the shape of one"
        raise ConfigurationError(f"KUBECONFIG {path} cannot be used: {why!s}") from None
    if "exec" in user or "auth-provider" in user:
        raise ConfigurationError(
            f"KUBECONFIG {path} names a login plug-in: use a token or a client certificate"
        )
    return Connection(
        server=server,
        ca=_text(cluster, "certificate-authority", path),
        certificate=_text(user, "client-certificate", path),
        key=_text(user, "client-key", path),
        token=user.get("token", ""),
        token_file=path.parent / user["tokenFile"] if user.get("tokenFile") else None,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _named(config: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    for entry in config[section]:
        if entry["name"] == name:
            found: Mapping[str, Any] = entry
            return found
    raise KeyError(f"{section}: {name}")


def _text(section: Mapping[str, Any], key: str, path: Path) -> str:
    """The value of `key`: inline as base64 (`key-data`), or in a file beside the kubeconfig."""
    if section.get(f"{key}-data"):
        return str(base64.b64decode(section[f"{key}-data"]), "ascii")
    if section.get(key):
        return path.parent.joinpath(str(section[key])).read_text()
    return ""
