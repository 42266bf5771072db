"""Which engine does the operator start?"""

from typing import Final

from llmstack.engines.interface import Server
from llmstack.engines.llamacpp import server

SERVER: Final[Server] = server
