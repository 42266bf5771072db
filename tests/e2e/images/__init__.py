"""Which container images does the stack run, and where are they?

    build("llama-server")  -> Image(ref, archive), built once for the same content
    llama_server_binary()  -> the same binary, runnable on this machine
    model_file()           -> the sample model, SmolLM2-135M

Everything is keyed by a hash of what goes in, so a changed file makes another image and nothing
has to be invalidated. `python -m tests.e2e.images` builds all and prints their names.
"""

from __future__ import annotations

from .builder import Image, build, build_recipe
from .errors import ImageError
from .recipes import NAMES
from .runnable import llama_server_binary
from .sample import model_file

__all__ = [
    "NAMES",
    "Image",
    "ImageError",
    "build",
    "build_recipe",
    "llama_server_binary",
    "model_file",
]
