"""`llmstack fetch`: arguments in, one model in the cache, one termination message out.

Each start of a replica waits for this process, and the model is nearly always there. So what takes
long to import is imported where it is needed: by errors that nobody expects, and by outside.py.

Exit status: 0 the model is there · 1 it is not (termination message: reason and message) · 2 the
arguments are off · 143 stopped by SIGTERM.
"""

import argparse
import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from llmstack.api import reasons
from llmstack.engines.facts import MODEL_FIELD, PROJECTOR_FIELD
from llmstack.errors import ConfigurationError, FetchError, InvalidInput, InvalidSource
from llmstack.fetch.cache import Cache, Entry
from llmstack.fetch.helpers import bring_helpers
from llmstack.fetch.voice import Voice
from llmstack.fetch.wanted import Demands, Wanted
from llmstack.models.report import (
    FetchedFile,
    FetchFailure,
    FetchResult,
    encode_error,
    encode_termination,
)
from llmstack.models.source import Source, parse_source, require_sha256
from llmstack.secret import Secret, credentials, read_token
from llmstack.settings.fetch import ADDRESSES, FetchSettings

_STOPPED = 128 + signal.SIGTERM


class Stopped(BaseException):
    """SIGTERM. What was downloaded stays for the next fetcher."""


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fetch what the arguments name; the exit status."""
    arguments = _parser().parse_args(argv)
    stop = threading.Event()

    def on_term(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        raise Stopped

    signal.signal(signal.SIGTERM, on_term)
    # Pods of other users that share the cache by their group continue what this one began.
    os.umask(0o002)
    voice = Voice()
    try:
        outcome = _outcome(arguments, environ, stop, voice)
    except Stopped:
        voice.say(json.dumps({"event": "stopped"}))
        return _STOPPED
    if isinstance(outcome, FetchFailure):
        voice.say(encode_error(outcome))
    else:
        voice.say(json.dumps({"event": "ready", "path": str(arguments.cache)}))
    voice.leave(arguments.termination_log, encode_termination(outcome))
    return 1 if isinstance(outcome, FetchFailure) else 0


def _outcome(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    stop: threading.Event,
    voice: Voice,
) -> FetchResult | FetchFailure:
    for name in ADDRESSES:
        voice.hide(credentials(environ.get(name, "")))
    try:
        settings = FetchSettings.from_env(environ)
        return _fetch(arguments, settings, stop, voice)
    except InvalidSource as error:
        return FetchFailure(reasons.INVALID_SPEC, str(error))
    except FetchError as error:
        return FetchFailure(error.reason, str(error))
    except ConfigurationError as error:
        return FetchFailure(reasons.FETCH_FAILED, str(error))
    except Exception as error:
        import traceback  # noqa: PLC0415 - rarely needed

        voice.complain("".join(traceback.format_exception(error)))
        return FetchFailure(reasons.FETCH_FAILED, f"unexpected {type(error).__name__}: {error}")


def _fetch(
    arguments: argparse.Namespace, settings: FetchSettings, stop: threading.Event, voice: Voice
) -> FetchResult:
    if arguments.helpers:
        bring_helpers(arguments.helpers)
    token = _token(settings.token_file, voice)

    def get(field: str, text: str, sha256: str) -> Entry:
        wanted = _wanted(arguments, field, text, sha256)
        found = None if arguments.check else wanted.cached(Cache(arguments.cache))
        if found is not None:
            return found
        from llmstack.fetch.outside import Outside  # noqa: PLC0415 - as late as possible

        outside = Outside(settings, token, stop, voice.say)
        if arguments.check:
            return outside.look(wanted, arguments.source_root)
        return outside.bring(wanted, arguments.cache, arguments.source_root)

    files = []
    # The smaller one first: whoever has mixed up the two learns it before the larger one has come.
    if arguments.mmproj:
        projector = get(PROJECTOR_FIELD, arguments.mmproj, arguments.mmproj_sha256)
        files.append(_describe("mmproj", projector))
    entry = get(MODEL_FIELD, arguments.source, arguments.sha256)
    files.insert(0, _describe("model", entry))
    return FetchResult(tuple(files), entry.gguf)


def _wanted(arguments: argparse.Namespace, field: str, text: str, sha256: str) -> Wanted:
    """What the user wrote in `field`. A projector has no context of its own."""
    source: Source = parse_source(text)
    expected = require_sha256(sha256) if sha256 else None
    context = arguments.context_length if field == MODEL_FIELD else None
    return Wanted(source, expected, Demands(field, context, arguments.shipped_engine))


def _describe(role: str, entry: Entry) -> FetchedFile:
    first = entry.files[0]
    size = sum(file.size for file in entry.files)
    return FetchedFile(role, first.sha256, size, first.revision, len(entry.files))


def _token(path: str, voice: Voice) -> Secret:
    """The token in a mounted Secret. A file that is missing is a Secret without that key."""
    if not path:
        return Secret()
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise FetchError(
            reasons.SOURCE_UNAUTHORIZED,
            f"the token cannot be read: {error}. The Secret of spec.model.secretRef needs the key "
            "`token`",
        ) from error
    voice.hide([Secret(raw.decode("utf-8", "replace"))])
    try:
        return read_token(raw, "the key `token` of the Secret of spec.model.secretRef")
    except InvalidInput as error:
        raise FetchError(reasons.SOURCE_UNAUTHORIZED, str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmstack fetch", description="Download a model into the cache and verify it."
    )
    add = parser.add_argument
    add("--source", required=True, metavar="URI", help="hf://, https://, http:// or pvc://")
    add("--sha256", default="", metavar="HEX", help="expected SHA-256 of the (first) file")
    add("--mmproj", default="", metavar="URI", help="multimodal projector to download as well")
    add("--mmproj-sha256", default="", metavar="HEX", help="expected SHA-256 of the projector")
    add("--cache", type=Path, default=Path("/models"), help="mount path of the cache")
    add("--source-root", type=Path, default=Path("/source"), help="mount path of a pvc:// claim")
    add("--check", action="store_true", help="check the model at its source without downloading it")
    add("--context-length", type=int, metavar="N", help="tokens per slot that the spec requests")
    add(
        "--shipped-engine",
        action="store_true",
        help="reject models that this project's own llama-server cannot load",
    )
    add("--helpers", type=Path, metavar="DIR", help="directory to copy the server's helpers to")
    add("--termination-log", type=Path, metavar="FILE", help="file for the result")
    return parser
