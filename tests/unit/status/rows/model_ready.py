"""Is the model there, and does it fit?"""

from llmstack.observed import Container, Observed
from tests.unit.status.rows.row import PROGRESS, Row
from tests.unit.status.samples import (
    NOW,
    R,
    T,
    failed_fetch,
    fetching,
    loading,
    observed,
    pod,
    serving,
    workload,
)

TOKEN = {"model": {"secretRef": {"name": "hf-token"}}}

ROWS: list[Row] = [
    ("no replica exists", observed(), {}, ("ModelReady", "Unknown", "Pending", "no replica")),
    (
        "the download has begun",
        observed(fetching()),
        {},
        ("ModelReady", "False", "Downloading", "qwen-1 is looking up the model"),
    ),
    (
        "the download is under way",
        observed(fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "2.0 of 4.0 GiB (50%), 100 MiB/s, 20 s left"),
    ),
    (
        "the model is there",
        observed(loading()),
        {},
        ("ModelReady", "True", "Downloaded", "llama Q8_0, 144 MiB, sha256 cccccccccccc…"),
    ),
    (
        "its report cannot be read, but it is there",
        observed(pod(fetch=Container("fetch", T, exit_code=0))),
        {},
        ("ModelReady", "True", "Downloaded", "in the cache"),
    ),
    (
        "a further replica downloads: the model stays ready",
        observed(serving("a"), fetching(PROGRESS, created_at=NOW)),
        {},
        ("ModelReady", "True", "Downloaded", "llama"),
    ),
    (
        "the token's Secret does not exist",
        observed(pod(), missing_secrets=("hf-token",)),
        TOKEN,
        ("ModelReady", "False", "SecretMissing", "Secret hf-token does not exist in namespace"),
    ),
    (
        "the token's Secret has no token",
        observed(pod(volume_message="references non-existent secret key: token")),
        TOKEN,
        ("ModelReady", "False", "SecretMissing", "has no key `token`"),
    ),
    *(
        (
            f"the download ended: {reason}",
            observed(failed_fetch(reason, "in its own words")),
            {},
            ("ModelReady", "False", reason, "in its own words"),
        )
        for reason in (
            "SourceUnauthorized",
            "SourceNotFound",
            "SourceUnreachable",
            "SourceTruncated",
            "ChecksumMismatch",
            "NotGGUF",
            "CacheFull",
            "CacheNotWritable",
            "ContextLengthTooLarge",
            "FetchFailed",
        )
    ),
    (
        "the download left no words",
        observed(fetching(fetch=Container("fetch", T, exit_code=2, log_line="Traceback"))),
        {},
        ("ModelReady", "False", "FetchFailed", "exit code 2: Traceback"),
    ),
    (
        "the download used too much memory",
        observed(fetching(fetch=Container("fetch", T, exit_code=137, reason="OOMKilled"))),
        {},
        ("ModelReady", "False", "OutOfMemory", "more memory than its limit"),
    ),
    (
        "a new try has only begun: it still counts as failed",
        observed(fetching(fetch=Container("fetch", R, restarts=1, last_exit_code=1))),
        {},
        ("ModelReady", "False", "FetchFailed", "exit code 1"),
    ),
    (
        "a new try gets on: it downloads",
        observed(fetching(PROGRESS, fetch=Container("fetch", R, restarts=1, last_exit_code=1))),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "by estimate it does not fit its device",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}, "slots": 4},
        (
            "ModelReady",
            "False",
            "ModelTooLarge",
            "MiB with 4 slots of 4096 tokens, but spec.accelerator provides 500 MiB (1 × 500Mi)",
        ),
    ),
    (
        "on two devices it does",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi", "count": 2}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "an estimate does not contradict a server that answers",
        observed(serving()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "nor does it count where layers stay on the CPU",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}, "engine": {"gpuLayers": 3}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "one of two replicas cannot store it",
        observed(serving("a"), failed_fetch("CacheFull", "no room", created_at=NOW)),
        {},
        ("ModelReady", "False", "CacheFull", "no room (1 other replica has the model)"),
    ),
    (
        "a replica of an older template does not count",
        observed(failed_fetch("SourceNotFound", "404", template_hash="old"), fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "nor does one that is going",
        observed(failed_fetch("SourceNotFound", "404", terminating=True), fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "stopped before it ever had one",
        Observed(workload=workload(0)),
        {"replicas": 0},
        ("ModelReady", "Unknown", "Stopped", "no replica is requested"),
    ),
]
