"""`llmstack crds`: where do the definitions go?

Runs as

    llmstack crds | kubectl apply --server-side -f -
    llmstack crds --directory crds --reference docs/api.md    what `make crds` runs
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmstack.api import crd, reference


def run(arguments: Sequence[str], _environ: Mapping[str, str]) -> int:
    """Prints the CRDs, or writes them where they are asked for. The exit status."""
    options = _parser().parse_args(arguments)
    if options.directory:
        options.directory.mkdir(parents=True, exist_ok=True)
        for name, text in crd.files().items():
            (options.directory / name).write_text(text, encoding="utf-8")
    if options.reference:
        options.reference.write_text(reference.to_markdown(), encoding="utf-8")
    if not (options.directory or options.reference):
        sys.stdout.write("---\n".join(crd.files().values()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmstack crds", description="Print the custom resource definitions, or write them."
    )
    parser.add_argument("--directory", type=Path, help="write one file for each into this folder")
    parser.add_argument("--reference", type=Path, help="write the API reference into this file")
    return parser
