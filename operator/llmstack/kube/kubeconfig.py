"""Which cluster, and who, does KUBECONFIG name?

It may list several files, merged as kubectl does:

    first file ──┐  an entry (cluster, user, context) of a name counts where it stands first
    second file ─┼─> current-context, from the first file that has one ─> Access
    no such file ┘  paths in a file begin beside that file

Errors name files, entries and fields; no value is quoted, for it may be a token.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from llmstack.errors import ConfigurationError

Entry = dict[str, Any]
_SECTIONS = ("clusters", "contexts", "users")
_CERTIFICATES = ("certificate-authority", "client-certificate", "client-key")
_PATHS = (*_CERTIFICATES, "tokenFile")
_SCHEMES = ("https://", "http://")


@dataclass(frozen=True)
class Access:
    """One cluster and one user of it; `where` names the file or files, for messages."""

    cluster: Entry
    user: Entry = field(repr=False)
    where: str

    def in_files(self, directory: Path) -> Entry:
        """A kubeconfig of this alone; certificates that stood inline are files in `directory`."""
        cluster, user = (_in_files(entry, directory, self.where) for entry in self._entries())
        return {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": user}],
        }

    def _entries(self) -> tuple[Entry, Entry]:
        return self.cluster, self.user


def read_kubeconfig(names: str) -> Access:
    """What the current context says. Raises ConfigurationError."""
    paths = [Path(name).expanduser() for name in names.split(os.pathsep) if name]
    found = [path for path in paths if path.exists()]
    where = "KUBECONFIG " + os.pathsep.join(str(path) for path in found or paths)
    if not found:
        raise ConfigurationError(f"{where} cannot be used: there is no such file")
    merged = _merged([_read(path) for path in found])
    current = merged["current-context"]
    if not current:
        raise ConfigurationError(
            f"{where} has no current-context: set one, kubectl config use-context NAME"
        )
    context = _named(merged, "contexts", current, where)
    cluster = _named(merged, "clusters", context.get("cluster"), where)
    user = _named(merged, "users", context["user"], where) if context.get("user") else {}
    server = cluster.get("server")
    if not isinstance(server, str) or not server.lower().startswith(_SCHEMES):
        raise ConfigurationError(
            f"{where}: the server of a cluster must begin with https:// or http://"
        )
    scheme, _, rest = server.partition("://")
    return Access({**cluster, "server": f"{scheme.lower()}://{rest}"}, user, where)


def _read(path: Path) -> Entry:
    """The sections of one file, each by name; paths in it are absolute."""
    try:
        config = yaml.safe_load(path.read_text()) or {}
        sections: Entry = {
            section: {
                str(item["name"]): _absolute(dict(item[section[:-1]] or {}), path.parent)
                for item in reversed(config.get(section) or ())
            }
            for section in _SECTIONS
        }
        return {**sections, "current-context": str(config.get("current-context") or "")}
    except yaml.YAMLError as error:
        raise ConfigurationError(f"KUBECONFIG {path} is not YAML{_place(error)}") from None
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise ConfigurationError(f"KUBECONFIG {path} cannot be used: {why}") from None
    except (UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise ConfigurationError(
            f"KUBECONFIG {path} cannot be used: it is not a valid kubeconfig"
        ) from None


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _absolute(entry: Entry, beside: Path) -> Entry:
    paths = {key: str(beside.absolute() / entry[key]) for key in _PATHS if entry.get(key)}
    plugin = entry.get("exec")
    if plugin and os.sep in plugin["command"]:
        plugin = {**plugin, "command": str(beside.absolute() / plugin["command"])}
    return {**entry, **paths, **({"exec": plugin} if plugin else {})}


def _merged(files: list[Entry]) -> Entry:
    """What stands first counts."""
    merged: Entry = {section: {} for section in _SECTIONS}
    for config in reversed(files):
        for section in _SECTIONS:
            merged[section] |= config[section]
    contexts = (config["current-context"] for config in files)
    return {**merged, "current-context": next(filter(None, contexts), "")}


def _named(config: Mapping[str, Any], section: str, name: Any, where: str) -> Entry:
    entry = config[section].get(name)
    if not isinstance(entry, dict):
        what = f"{name!r} in {section}, which it refers to" if name else f"one of {section} to use"
        raise ConfigurationError(f"{where} does not have {what}")
    return entry


def _in_files(entry: Entry, directory: Path, where: str) -> Entry:
    written = {}
    for key in _CERTIFICATES:
        if text := entry.get(f"{key}-data"):
            path = directory / key
            try:
                path.write_bytes(base64.b64decode(text, validate=True))
            except (binascii.Error, TypeError, ValueError):
                raise ConfigurationError(f"{where}: {key}-data is not base64") from None
            written[key] = str(path)
    return {**{k: v for k, v in entry.items() if not k.endswith("-data")}, **written}
