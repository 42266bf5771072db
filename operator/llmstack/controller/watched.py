"""What is watched, and for how long at a time?"""

from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER
from llmstack.kube.kinds import CLAIM, LLM_DEPLOYMENT, MADE, NODE, POD, STORAGE_CLASS, Kind

CHILDREN = (*MADE, CLAIM, POD)
"""Watched if they carry the operator's label."""
CLUSTER = (NODE, STORAGE_CLASS)
"""Cluster-wide kinds, which say what a deployment can be given."""
WATCHED = (LLM_DEPLOYMENT, *CHILDREN, *CLUSTER)
LABELS = f"{MANAGED_BY_LABEL}={MANAGER}"

WATCH_SECONDS = 240
"""Seconds after which the API server ends a watch and a new one starts."""


def labels_of(kind: Kind) -> str:
    """Returns the label selector for watching a kind, or "" for all of its objects."""
    return LABELS if kind in CHILDREN else ""
