"""How does one see more of a reason, and what mends it? One file a condition, or a part of one.

The operator does not need these words to run: docs/troubleshooting.md is made from them.
"""

from collections.abc import Mapping

from llmstack.status.remedies.autoscaling import AUTOSCALING
from llmstack.status.remedies.cache import CACHE
from llmstack.status.remedies.content import CONTENT
from llmstack.status.remedies.nodes import NODES
from llmstack.status.remedies.pods import POD_TROUBLES
from llmstack.status.remedies.progressing import PROGRESSING
from llmstack.status.remedies.remedy import Remedy, Step
from llmstack.status.remedies.source import SOURCE
from llmstack.status.remedies.spec_valid import SPEC_VALID
from llmstack.status.remedies.starting import STARTING
from llmstack.status.remedies.volumes import VOLUMES

__all__ = ["REMEDIES", "Remedy", "Step"]

REMEDIES: Mapping[str, Remedy] = {
    **SPEC_VALID,
    **SOURCE,
    **CONTENT,
    **CACHE,
    **VOLUMES,
    **NODES,
    **STARTING,
    **POD_TROUBLES,
    **PROGRESSING,
    **AUTOSCALING,
}
"""By reason. Those without an entry are well: nobody needs to act."""
