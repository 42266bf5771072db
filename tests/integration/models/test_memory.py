"""Is the estimate what the real llama-server takes? It logs its buffers when it loads a model."""

import os
import re
import subprocess

import pytest

from llmstack.engines.llamacpp.gguf.file import read_facts
from llmstack.engines.llamacpp.gguf.memory import ServerShape, estimate
from llmstack.fetch.inspect import reading
from tests.e2e.images import llama_server_binary, model_file

MIB = 2**20
BUFFER = re.compile(r"(KV|compute|model) buffer size = +([0-9.]+) MiB")


@pytest.fixture(scope="module")
def facts():
    with reading(model_file()) as (read, size):
        return read_facts(read, size)


def logged_buffers(*flags):
    """MiB by kind, as the server logs them at its second look (the first one only measures)."""
    binary = llama_server_binary()
    process = subprocess.Popen(
        [binary, "-m", model_file(), "--port", "0", "-t", "1", "-lv", "5", "--no-warmup", *flags],
        env=os.environ | {"LD_LIBRARY_PATH": str(binary.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found, log = {}, []
    try:
        for line in process.stdout:
            log.append(line)
            buffer = BUFFER.search(line)
            if buffer:
                found[buffer[1]] = float(buffer[2])
            if "load_model: initializing" in line:
                return found
    finally:
        process.kill()
        process.communicate()
    raise AssertionError("".join(log))


@pytest.mark.parametrize(
    "shape",
    [
        ServerShape(1, 8192),
        ServerShape(1, 8192, flash_attention=False),
        ServerShape(2, 2048, "q8_0", "q4_0"),
        ServerShape(3, 1000, ubatch=128),
    ],
    ids=str,
)
def test_the_estimate_is_what_the_server_takes(facts, shape):
    logged = logged_buffers(
        *("-np", str(shape.slots), "-c", str(shape.slots * shape.context_length)),
        *("-ctk", shape.cache_type_k, "-ctv", shape.cache_type_v, "-ub", str(shape.ubatch)),
        *("-fa", "auto" if shape.flash_attention else "off"),
    )
    found = estimate(facts, shape)
    assert found.kv_cache / MIB == pytest.approx(logged["KV"], abs=0.01)
    assert logged["compute"] <= found.compute / MIB <= 2 * logged["compute"]
    assert logged["model"] <= found.weights / MIB <= 1.1 * logged["model"]
