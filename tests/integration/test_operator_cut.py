"""What does the operator do about what nobody has told it?

It is stopped while children are deleted, and the API server begins anew before and after that: its
connections are gone, and what happened before is forgotten (410). So no watch tells of the
deletions, and kopf lists what is left.
"""

from __future__ import annotations

import signal
from pathlib import Path

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.operators import installed

PATIENT = {
    "LLMSTACK_LEASE_DURATION_SECONDS": "300",
    "LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS": "280",
    "LLMSTACK_RESYNC_SECONDS": "3600",
}


def test_children_that_were_deleted_while_the_watches_were_cut_come_back(
    crd: ApiServer, tmp_path: Path
) -> None:
    with installed(crd, "cut", tmp_path) as stack:
        operator = stack.start("only", **PATIENT).wait_until("leading")
        space = Namespace(crd, stack.namespace)
        space.apply()
        space.wait_for_children()
        before = space.children()

        operator.send(signal.SIGSTOP)
        with crd.away():
            pass
        space.kubectl("delete", "service", "qwen-replicas")
        space.kubectl("delete", "poddisruptionbudget", "--all")
        with crd.away():
            pass
        operator.send(signal.SIGCONT)

        wait_until(lambda: space.children() == before, "all to be as it was", 90)
        assert operator.running, "it is the same process that has found out"
