"""Whose files does fetch bring?"""

from typing import Final

from llmstack.engines.interface import Files
from llmstack.engines.llamacpp import files

FILES: Final[Files] = files
