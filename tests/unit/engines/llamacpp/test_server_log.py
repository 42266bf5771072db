"""Which line of the log tells what went wrong?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.server_log import deciding_line, fallback_line, is_out_of_memory

BAD_FLAG = "error: invalid argument: --no-such-flag\n"
NO_MODEL = """\
0.00.020.122 I srv    load_model: loading model '/models/x.gguf'
0.00.020.300 E gguf_init_from_file: failed to open GGUF file '/models/x.gguf'
0.00.020.301 E llama_model_load: error loading model: llama_model_loader: failed to load model
0.00.020.302 E llama_model_load_from_file_impl: failed to load model
0.00.020.310 E srv  llama_server: exiting due to model loading error
"""
NO_MEMORY = """\
0.03.100.000 E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000.00 MiB on device 0: \
cudaMalloc failed: out of memory
0.03.100.100 E llama_model_load: error loading model: unable to allocate CUDA0 buffer
0.03.100.200 E srv  llama_server: exiting due to model loading error
"""
LIBRARY = "llama-server: error while loading shared libraries: libcuda.so.1: cannot open\n"
ASSERTION = "I fine\n/src/ggml.c:123: GGML_ASSERT(a == b) failed\n[New LWP 12]\nThread 1\n"
FALLBACK = """\
0.00.010.000 E ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected
warning: no usable GPU found, --gpu-layers option will be ignored
warning: one possible reason is that llama.cpp was compiled without GPU support
0.00.020.000 I srv    load_model: loading model
"""


@pytest.mark.parametrize(
    ("sentence", "log", "line"),
    [
        ("nothing was written", "", ""),
        ("a flag it does not know", BAD_FLAG, "error: invalid argument: --no-such-flag"),
        (
            "the model is not there: the first error of its kind",
            NO_MODEL,
            "gguf_init_from_file: failed to open GGUF file '/models/x.gguf'",
        ),
        (
            "the cause, not that the server then exits",
            NO_MEMORY,
            "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000.00 MiB on device 0: "
            "cudaMalloc failed: out of memory",
        ),
        ("a library is missing", LIBRARY, LIBRARY.strip()),
        ("an assertion", ASSERTION, "/src/ggml.c:123: GGML_ASSERT(a == b) failed"),
        ("no error at all: the last line", "I one\nI two\n\n", "two"),
    ],
)
def test_the_deciding_line(sentence: str, log: str, line: str) -> None:
    assert deciding_line(log) == line, sentence


@pytest.mark.parametrize(
    ("sentence", "log", "line"),
    [
        ("it uses its device", "I load_tensors: offloaded 31/31 layers to GPU\n", ""),
        (
            "the driver does not start: the cause",
            FALLBACK,
            "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",
        ),
        (
            "the image has no backend for it",
            FALLBACK.partition("\n")[2],
            "warning: no usable GPU found, --gpu-layers option will be ignored",
        ),
    ],
)
def test_the_line_about_falling_back_to_the_cpu(sentence: str, log: str, line: str) -> None:
    assert fallback_line(log) == line, sentence


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cudaMalloc failed: out of memory", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("error loading model: unknown model architecture", False),
    ],
)
def test_is_it_about_memory(line: str, expected: bool) -> None:
    assert is_out_of_memory(line) is expected


@given(st.text())
def test_any_log_gives_one_line_of_bounded_length(log: str) -> None:
    line = deciding_line(log)
    assert len(line) <= 400
    assert len(line.splitlines()) <= 1
