"""Which Kubernetes objects should exist? One file per kind; names are in `metadata`. Pure."""

from llmstack.desired.build import build
from llmstack.desired.context import Context, Egress, GatewayPlace, Recorded
from llmstack.desired.replicas import hand_over, wanted_replicas

__all__ = ["Context", "Egress", "GatewayPlace", "Recorded", "build", "hand_over", "wanted_replicas"]
