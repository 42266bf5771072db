"""Which Kubernetes objects should exist? One file per kind; names are in `metadata`. Pure."""

from llmstack.desired.build import build
from llmstack.desired.context import Context, Egress, GatewayPlace, Recorded
from llmstack.desired.replicas import wanted_replicas

__all__ = ["Context", "Egress", "GatewayPlace", "Recorded", "build", "wanted_replicas"]
