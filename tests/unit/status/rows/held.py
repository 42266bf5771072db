"""How does it stand while an edit waits for its proof?"""

from typing import Any

from llmstack.observed import Container, Held, Observed, Pod, Proof
from tests.unit.status.rows.row import GPU, PROGRESS, PULL, Row
from tests.unit.status.samples import (
    FETCHED,
    R,
    T,
    W,
    failed_fetch,
    fetching,
    homeless,
    observed,
    pod,
    serving,
    workload,
)

PROOF = "proof"
HELD = Held(PROOF)
OUT_OF_REACH = Held(reason="Unschedulable", message="no node can give a replica cpu 64")
OLD = serving("old", template_hash="old")
ONE = workload(1, 1)


def held(*tries: Pod, **more: Any) -> Observed:
    """A replica answers, and these pods prove an edit."""
    return observed(OLD, workload=ONE, held=HELD, proof_pods=tries, **more)


NO_IMAGE = Container("llama-server", W, reason="ImagePullBackOff", message=PULL, image="x")
VERSION = Container("llama-server", T, exit_code=0)

ROWS: list[Row] = [
    (
        "the Job has no pod yet: the replica in use answers",
        held(),
        {},
        (
            "Ready",
            "True",
            "RollingOut",
            "1 of 1 replica ready, with 4 slots, running the previous spec",
        ),
    ),
    (
        "and it is on its way",
        held(),
        {},
        ("Progressing", "True", "RollingOut", "a Job is testing the newest spec"),
    ),
    (
        "it downloads the newest model",
        held(fetching(PROGRESS, template_hash=PROOF)),
        {},
        ("Progressing", "True", "RollingOut", "GiB"),
    ),
    (
        "which is not there yet",
        held(fetching(PROGRESS, template_hash=PROOF)),
        {},
        ("ModelReady", "False", "Downloading", "GiB"),
    ),
    (
        "its source does not exist",
        held(failed_fetch("SourceNotFound", "404", template_hash=PROOF)),
        {},
        (
            "Ready",
            "True",
            "SourceNotFound",
            "all run the previous spec, because the rollout of the newest is stuck: 404",
        ),
    ),
    (
        "and a waiting kubectl is told",
        held(failed_fetch("SourceNotFound", "404", template_hash=PROOF)),
        {},
        ("Progressing", "False", "SourceNotFound", "404"),
    ),
    (
        "the proof of an edit before says nothing",
        held(failed_fetch("SourceNotFound", "404", template_hash="another")),
        {},
        ("Progressing", "True", "RollingOut", ""),
    ),
    (
        "its image cannot be pulled",
        held(pod(fetch=FETCHED, server=NO_IMAGE, template_hash=PROOF)),
        {},
        ("Ready", "True", "ImagePullFailed", "image x of container llama-server"),
    ),
    (
        "its image is no llama-server",
        held(
            pod(
                fetch=FETCHED,
                server=Container("llama-server", W, last_exit_code=2, log_line="bad flag"),
                template_hash=PROOF,
            )
        ),
        {},
        ("Progressing", "False", "ServerCrashing", "exit code 2: bad flag"),
    ),
    (
        "its image is one, and it still fetches",
        held(pod(fetch=Container("fetch", R), server=VERSION, template_hash=PROOF)),
        {},
        ("Progressing", "True", "RollingOut", ""),
    ),
    (
        "no node takes it",
        held(homeless("0/1 nodes are available", template_hash=PROOF)),
        {},
        ("Ready", "True", "Unschedulable", "0/1 nodes are available"),
    ),
    (
        "a quota refuses its pod",
        held(proofs=(Proof(PROOF, refused="exceeded quota: pods=1"),)),
        {},
        ("Progressing", "False", "RejectedByCluster", "exceeded quota: pods=1; free the resources"),
    ),
    (
        "no node could run it",
        observed(OLD, workload=ONE, held=OUT_OF_REACH),
        GPU,
        ("Ready", "True", "Unschedulable", "no node can give a replica cpu 64"),
    ),
    (
        "the replica in use is started again",
        observed(
            pod("old", template_hash="old"),
            workload=workload(1, 0),
            held=HELD,
            proof_pods=(failed_fetch("SourceNotFound", "404", template_hash=PROOF),),
        ),
        {},
        ("Ready", "False", "Loading", "1 replica with the previous spec restarting"),
    ),
]
