"""What do we read from and write to kubeconfig files?"""

from __future__ import annotations

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx
import yaml


def copy_with_server(source: Path, target: Path, server: str, name: str) -> None:
    """The same cluster and user, reached at `server`, as the context `name`.

    Only its owner may read it.
    """
    config = yaml.safe_load(source.read_text())
    config["clusters"][0]["cluster"]["server"] = server
    for part in ("clusters", "users", "contexts"):
        config[part][0]["name"] = name
    config["contexts"][0]["context"] = {"cluster": name, "user": name}
    config["current-context"] = name
    # Written aside: whoever sees the file sees all of it.
    aside = target.with_suffix(".new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(yaml.safe_dump(config, sort_keys=False))
    aside.rename(target)


def client_for(kubeconfig: Path) -> httpx.Client:
    """An HTTP client for a kubeconfig of ours (certificates inline, one context)."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster: dict[str, Any] = config["clusters"][0]["cluster"]
    user: dict[str, Any] = config["users"][0]["user"]

    def decoded(text: str) -> bytes:
        return base64.b64decode(text)

    authority = decoded(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    # Python loads a client's certificate from a file only; it is gone again at once.
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(decoded(user["client-certificate-data"]) + decoded(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return httpx.Client(base_url=cluster["server"], verify=context, trust_env=False)
