"""Which engine answers the gateway?"""

from typing import Final

from llmstack.engines.interface import Replica
from llmstack.engines.llamacpp import replica

REPLICA: Final[Replica] = replica
