"""Where does a llama-server tell of itself?"""

from typing import Final

HEALTH_PATH: Final = "/health"
"""503 while the model loads, then 200; it asks for no key."""
CAPACITY_PATH: Final = "/props"
BUSY_PATH: Final = "/slots"
METRICS_PATH: Final = "/metrics"
