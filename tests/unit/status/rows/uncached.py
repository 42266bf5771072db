"""What if the image of llama-server cannot keep tenants' caches apart?"""

from tests.unit.status.rows.row import Row
from tests.unit.status.samples import observed, serving

ROWS: list[Row] = [
    (
        "a replica may reuse nothing: Ready says so and what helps",
        observed(serving("qwen-1"), serving("qwen-2"), uncached=frozenset({"qwen-2"})),
        {},
        ("Ready", "True", "Ready", "set spec.cacheSharing to Deployment"),
    ),
    (
        "that one is gone, and only the view of the gateway is older",
        observed(serving("qwen-1"), uncached=frozenset({"qwen-0"})),
        {},
        ("Ready", "True", "Ready", "1 of 1 replica ready, with 4 slots"),
    ),
]
