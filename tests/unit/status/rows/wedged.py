"""What if a server answers no more?"""

from llmstack.observed import Container
from tests.unit.status.rows.row import Row
from tests.unit.status.samples import R, loading, observed, serving, workload

TWO = (serving("qwen-1"), serving("qwen-2"))

ROWS: list[Row] = [
    (
        "one of two servers is wedged: Ready with a warning that names it",
        observed(*TWO, wedged=frozenset({"qwen-2"})),
        {},
        ("Ready", "True", "ServerWedged", "llama-server in qwen-2 does not respond"),
    ),
    (
        "the only server is wedged",
        observed(serving(), wedged=frozenset({"qwen-1"})),
        {},
        (
            "Ready",
            "False",
            "ServerWedged",
            "the kubelet restarts it after twice spec.lifecycle.wedgeSeconds",
        ),
    ),
    (
        "all servers are wedged",
        observed(*TWO, wedged=frozenset({"qwen-1", "qwen-2"})),
        {},
        ("Progressing", "True", "ServerWedged", "qwen-1, qwen-2 does not respond"),
    ),
    (
        "it fails its probe, too",
        observed(loading(Container("llama-server", R, started=True)), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "False", "ServerWedged", "qwen-1 does not respond"),
    ),
    (
        "it fails its probe, and the Deployment has not heard of it yet",
        observed(
            loading(Container("llama-server", R, started=True)),
            workload=workload(1, 1),
            wedged=frozenset({"qwen-1"}),
        ),
        {},
        ("Ready", "False", "ServerWedged", "qwen-1 does not respond"),
    ),
    (
        "one of two fails its probe, too, and the other one answers",
        observed(
            serving("qwen-2"),
            loading(Container("llama-server", R, started=True)),
            wedged=frozenset({"qwen-1"}),
        ),
        {},
        ("Ready", "True", "ServerWedged", "qwen-1 does not respond"),
    ),
    (
        "the kubelet has begun to restart it",
        observed(loading(), wedged=frozenset({"qwen-1"})),
        {},
        ("Progressing", "True", "Loading", ""),
    ),
    (
        "the wedged pod is already on its way out",
        observed(
            serving("qwen-1"),
            serving("qwen-2", terminating=True),
            workload=workload(1, 1),
            wedged=frozenset({"qwen-2"}),
        ),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "what the gateway says of a pod that is gone is old",
        observed(serving("qwen-2"), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "one is wedged while another loads",
        observed(serving(), loading(name="qwen-2"), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "False", "Loading", ""),
    ),
]
