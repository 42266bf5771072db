"""How does a row read? A sentence, the cluster, what the spec has, and what one condition says."""

from typing import Any

from llmstack.models.report import Progress
from llmstack.observed import Observed
from tests.unit.status.samples import GIB

Row = tuple[str, Observed, dict[str, Any], tuple[str, str, str, str]]
"""…, (condition, status, reason, words of its message)."""

GPU = {"accelerator": {"vendor": "nvidia", "count": 2}}
NO_GPU = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)
PROGRESS = Progress("model.gguf", 2 * GIB, 4 * GIB, 100 * 2**20, 20)
PULL = 'Back-off pulling image "x": ErrImagePull: not found'
