"""ModelReady: is the model where the server reads it, verified, and does it fit?"""

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, ConditionType, Finding
from llmstack.api.sizes import gib
from llmstack.models.report import FetchFailure, describe
from llmstack.status.checks import Check, count, decide, no, once, unknown, yes
from llmstack.status.fetching import Fetch, FetchState
from llmstack.status.memory import estimated_memory, offered_memory
from llmstack.status.model import fetched
from llmstack.status.situation import Situation


@once
def model_ready(situation: Situation) -> Finding:
    """True once a replica has the model; a replica that cannot get it counts more."""
    waiting = unknown(reasons.PENDING, "no replica has started to download the model")
    return decide(situation, _CHECKS, waiting)


def _no_replicas(situation: Situation) -> Finding | None:
    """Without replicas nothing new is known: what was known stays."""
    if not situation.has_no_replicas:
        return None
    last = situation.previous(ConditionType.MODEL_READY)
    if last and last.status is ConditionStatus.TRUE:
        return yes(last.reason, last.message)
    return unknown(reasons.STOPPED, "no replica is requested, so the model is not downloaded")


def _secret_missing(situation: Situation) -> Finding | None:
    missing = situation.observed.missing_secrets
    if missing:
        names = ", ".join(missing)
        return no(
            reasons.SECRET_MISSING,
            f"Secret {names} does not exist in namespace {situation.deployment.namespace}: create "
            "it, or fix the name in the spec",
        )
    secret = situation.spec.model.secret_ref
    unmounted = (pod for pod in situation.pods if "non-existent secret key" in pod.volume_message)
    if secret is None or next(unmounted, None) is None:
        return None
    return no(
        reasons.SECRET_MISSING,
        f"Secret {secret.name} has no key `token`: add it with the source's token as its value",
    )


def _failed(situation: Situation) -> Finding | None:
    failed = situation.fetches_in(FetchState.FAILED)
    if not failed:
        return None
    failure = failed[0].failure or FetchFailure(reasons.FETCH_FAILED, "the download failed")
    ready = len(situation.fetches_in(FetchState.DONE))
    others = f" ({count(ready, 'other replica')} has the model)" if ready == 1 else ""
    others = f" ({ready} other replicas have the model)" if ready > 1 else others
    return no(failure.reason, failure.message + others)


def _too_large(situation: Situation) -> Finding | None:
    """Only what the model cannot do without counts, and a server that answers is right anyway."""
    spec, result = situation.spec, fetched(situation)
    estimate = estimated_memory(spec, result) if result else None
    offered = offered_memory(spec)
    if situation.available or estimate is None or offered is None or estimate.least <= offered:
        return None
    return no(
        reasons.MODEL_TOO_LARGE,
        f"the model needs at least {gib(estimate.least)} with {count(spec.slots, 'slot')} of "
        f"{spec.context_length} tokens, but spec.accelerator provides {gib(offered)} "
        f"({spec.accelerator.count} × {spec.accelerator.memory}): lower spec.slots or "
        "spec.contextLength, choose a smaller quantization or spec.engine.kvCacheType, or raise "
        "spec.accelerator.count",
    )


def _downloaded(situation: Situation) -> Finding | None:
    done = situation.fetches_in(FetchState.DONE)
    if not done:
        return None
    result = fetched(situation)
    if result is None:
        return yes(reasons.DOWNLOADED, "the model is in the cache")
    size = sum(file.size_bytes for file in result.files)
    gguf = result.gguf
    facts = " ".join(word for word in (gguf.architecture, gguf.quantization) if word)
    verified = f", sha256 {result.model.sha256[:12]}…" if result.model.sha256 else ""
    return yes(reasons.DOWNLOADED, f"{facts}, {gib(size)}{verified}")


def _downloading(situation: Situation) -> Finding | None:
    running = situation.fetches_in(FetchState.RUNNING)
    if not running:
        return None
    told = next((fetch for fetch in running if fetch.progress), running[0])
    return no(reasons.DOWNLOADING, _progress(told))


def _progress(fetch: Fetch) -> str:
    if fetch.progress is None:
        return f"replica {fetch.pod.name} is looking up the model in the cache and at its source"
    return describe(fetch.progress)


_CHECKS: tuple[Check, ...] = (
    _no_replicas,
    _secret_missing,  # before the download, which cannot begin without it
    _failed,  # of several replicas, the one that needs help is reported
    _too_large,  # known from the header, before the server crashes
    _downloaded,  # one that has it is enough: scaling up does not make the model unready
    _downloading,
)
