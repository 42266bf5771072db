"""What the gateway asks of a running llama-server (interface.Replica)."""

from llmstack.engines.llamacpp.answers import busy, capacity, deferred, is_loading, started
from llmstack.engines.llamacpp.paths import BUSY_PATH, CAPACITY_PATH, HEALTH_PATH, METRICS_PATH
from llmstack.engines.llamacpp.request_headers import request_lines

__all__ = [
    "BUSY_PATH",
    "CAPACITY_PATH",
    "HEALTH_PATH",
    "METRICS_PATH",
    "busy",
    "capacity",
    "deferred",
    "is_loading",
    "request_lines",
    "started",
]
