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
    """Prints the key and its line. The exit status."""
    tenant: str = _parser().parse_args(arguments).tenant
    key = f"sk-{secrets.token_urlsafe(32)}"
    sys.stderr.write(
        "The first line is the key: give it to the client, it is shown only now.\n"
        "The second line belongs into keysFile, or into an entry of the Secret with the keys.\n"
    )
    sys.stdout.write(f"{key}\n{line_for(key, tenant)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmstack key", description="Make a key by which a client is let in by the gateway."
    )
    parser.add_argument("tenant", type=_tenant, help="whose key it is, e.g. team-a")
    return parser


def _tenant(text: str) -> str:
    if not is_tenant(text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: a tenant has at most 63 lower-case letters, digits and '-', and begins and "
            "ends with a letter or digit"
        )
    return text
