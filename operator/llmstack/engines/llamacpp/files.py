"""What fetch asks of a GGUF file (interface.Files)."""

from llmstack.engines.llamacpp.gguf.file import check_magic, combine, read_file
from llmstack.engines.llamacpp.gguf.role import misplaced
from llmstack.engines.llamacpp.gguf.shipped import obstacle
from llmstack.engines.llamacpp.gguf.split import check_parts

__all__ = ["check_magic", "check_parts", "combine", "misplaced", "obstacle", "read_file"]
