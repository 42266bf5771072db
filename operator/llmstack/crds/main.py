"""`llmstack crds`: where do the definitions go?

Runs as

    llmstack crds | kubectl apply --server-side -f -
    llmstack crds --directory crds    what `make crds` runs
    llmstack crds apply       into the cluster, never over a newer one; returns when it is served
    llmstack crds delete      out of the cluster, and every LLMDeployment with it

The last two are what the chart's hooks run: in a pod, or with KUBECONFIG.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmstack.api import crd
from llmstack.crds.cluster import apply, delete, with_client
from llmstack.errors import LLMStackError
from llmstack.kube.errors import ApiError

REFUSED, TRY_AGAIN = 1, 75
"""Exit statuses: it will be refused each time, or it may work a moment later."""

_IN_CLUSTER = {"apply": apply, "delete": delete}


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Prints the CRDs, or brings them where they are asked for. The exit status."""
    options = _parser().parse_args(arguments)
    if options.action:
        return _in_cluster(options.action, options.seconds, environ)
    if options.directory:
        options.directory.mkdir(parents=True, exist_ok=True)
        for name, text in crd.files().items():
            (options.directory / name).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write("---\n".join(crd.files().values()))
    return 0


def _in_cluster(action: str, seconds: float, environ: Mapping[str, str]) -> int:
    act = _IN_CLUSTER[action]
    try:
        said = asyncio.run(with_client(environ, lambda client: act(client, seconds)))
    except ApiError as error:
        sys.stderr.write(f"llmstack crds {action}: {error}\n")
        return REFUSED if error.refused else TRY_AGAIN
    except TimeoutError as error:
        sys.stderr.write(f"llmstack crds {action}: {error}\n")
        return TRY_AGAIN
    except LLMStackError as error:
        sys.stderr.write(f"llmstack crds {action}: {error}\n")
        return REFUSED
    sys.stdout.write(f"{said}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmstack crds",
        description="Print the CRDs, write them to files, or apply or delete them in the cluster.",
    )
    parser.add_argument("action", nargs="?", choices=_IN_CLUSTER, help="action in the cluster")
    parser.add_argument("--seconds", type=float, default=60, help="seconds to wait for the cluster")
    parser.add_argument("--directory", type=Path, help="write the CRDs to files in this directory")
    return parser
