"""`llmstack ROLE …`: which process is this?

    llmstack operator     reconcile LLMDeployments
    llmstack gateway      one OpenAI-compatible address for all models
    llmstack fetch        bring a model into the cache (init container)
    llmstack key TENANT   make a key that lets a client of the gateway in
    llmstack crds         print the custom resource definitions, or bring them into a cluster
    llmstack version      print the version

A role's modules are imported only when it runs: the init container needs no Kubernetes client.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from llmstack.version import VERSION

Role = Callable[[Sequence[str], Mapping[str, str]], int]

_ROLES = {
    "operator": "llmstack.controller.main",
    "gateway": "llmstack.gateway.main",
    "fetch": "llmstack.fetch.main",
    "key": "llmstack.keys_command",
    "crds": "llmstack.crds.main",
}


def main() -> int:
    """The exit status of the role that the first argument names; 2 if it names none."""
    role, *arguments = sys.argv[1:] or ["help"]
    if role in ("version", "--version"):
        sys.stdout.write(f"llmstack {VERSION}\n")
        return 0
    if role in ("help", "--help", "-h"):
        sys.stdout.write((__doc__ or "") + "\n")
        return 0
    if role not in _ROLES:
        sys.stderr.write(f"llmstack: no role {role!r}; one of: {', '.join(_ROLES)}, version\n")
        return 2
    run: Role = import_module(_ROLES[role]).run
    return run(arguments, os.environ)


if __name__ == "__main__":
    sys.exit(main())
