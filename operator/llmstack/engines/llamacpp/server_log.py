"""Which line of llama-server's log tells what went wrong?

Its lines look like `0.01.234.567 E llama_model_load: error loading model: …` or have no prefix; the
last line of a crash is mostly a consequence, so the first line of the strongest kind counts.
"""

import re

_PREFIX = re.compile(r"^(\d+\.\d+\.\d+\.\d+ )?([DIWE] )?")
_LINE_LIMIT = 400

_STRONGEST_FIRST = tuple(
    re.compile(pattern)
    for pattern in (
        # The device or the host has no memory left; other errors follow from it.
        r"(?i)out of memory|cudaMalloc failed|std::bad_alloc|unable to allocate|failed to allocate",
        # The program could not even start.
        r"error while loading shared libraries|exec format error",
        # The arguments.
        r"(?i)^error: |invalid argument|error while handling argument",
        # The model file.
        r"error loading model|gguf_init_from|unknown model architecture",
        # The program gave up.
        r"GGML_ASSERT|GGML_ABORT|terminate called|what\(\):|CUDA error",
        # The address is taken.
        r"couldn't bind|failed to bind",
        r"(?i)\berror\b|\bfailed\b",
    )
)
_OUT_OF_MEMORY = _STRONGEST_FIRST[0]
_FALLBACK = re.compile(
    r"no usable GPU found|failed to initialize (CUDA|ROCm|HIP|Vulkan|SYCL)|no (CUDA|ROCm)-capable"
)


def deciding_line(log: str) -> str:
    """Return the line that tells why the server exited, or "" for an empty log."""
    lines = _lines(log)
    found = next((line for kind in _STRONGEST_FIRST for line in lines if kind.search(line)), "")
    return found or (lines[-1] if lines else "")


def fallback_line(log: str) -> str:
    """Return the line that says that the server fell back from the accelerator to the CPU, or "".

    The cause (a driver that does not start) is preferred over the consequence.
    """
    found = [line for line in _lines(log) if _FALLBACK.search(line)]
    return next((line for line in found if "no usable GPU" not in line), found[0] if found else "")


def is_out_of_memory(line: str) -> bool:
    """Return True if a line of the log says that memory ran out."""
    return bool(_OUT_OF_MEMORY.search(line))


def _lines(log: str) -> list[str]:
    stripped = (_PREFIX.sub("", line.strip()).strip() for line in log.splitlines())
    return [line[:_LINE_LIMIT] for line in stripped if line]
