"""`llmstack key TENANT`: how does a client get in?

Prints a new key, and below it the line that lets it in. The key is nowhere else: only its digest
is stored.
"""

import argparse
import secrets
import sys
from collections.abc import Mapping, Sequence

from llmstack.gateway.keys import is_tenant, line_for


def run(arguments: Sequence[str], _environ: Mapping[str, str]) -> int:
    """Print a new key and its line for the file of keys. Returns the exit status."""
    tenant: str = _parser().parse_args(arguments).tenant
    key = f"sk-{secrets.token_urlsafe(32)}"
    sys.stderr.write(
        "The first line is the key for the client. It is not shown again.\n"
        "Add the second line to keysFile, or to an entry of the Secret with the keys.\n"
    )
    sys.stdout.write(f"{key}\n{line_for(key, tenant)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmstack key", description="Create an API key for a client of the gateway."
    )
    parser.add_argument("tenant", type=_tenant, help="tenant of the key, for example team-a")
    return parser


def _tenant(text: str) -> str:
    if not is_tenant(text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: a tenant must consist of at most 63 lowercase letters, digits or '-', and "
            "start and end with a letter or digit"
        )
    return text
