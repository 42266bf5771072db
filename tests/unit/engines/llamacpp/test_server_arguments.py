"""Which arguments does llama-server get?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.engine import KvCacheType, Mode
from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.owned_flags import OWNED_FLAGS, refusal
from llmstack.engines.llamacpp.server_arguments import arguments, slots_in

PLAIN = ServerOptions(
    model_path="/models/m.gguf",
    alias="qwen",
    slots=4,
    context_length=8192,
    api_key_file="/keys/server",
)


def value(options: ServerOptions, flag: str) -> str:
    words = arguments(options)
    return words[words.index(flag) + 1]


@pytest.mark.parametrize(
    ("sentence", "options", "flag", "expected"),
    [
        ("it listens for other pods", PLAIN, "--host", "0.0.0.0"),
        ("on IPv6 as well where pods have it", replace(PLAIN, ipv6=True), "--host", "::"),
        ("the port is passed even if it is the default", PLAIN, "--port", "8080"),
        ("the context is slots times context per slot", PLAIN, "--ctx-size", "32768"),
        ("slots are explicit", PLAIN, "--parallel", "4"),
        ("all layers go to the GPU", PLAIN, "--n-gpu-layers", "all"),
        ("no layers do on a CPU", replace(PLAIN, gpu_layers=0), "--n-gpu-layers", "0"),
        ("the key comes from a file", PLAIN, "--api-key-file", "/keys/server"),
        ("attention", replace(PLAIN, flash_attention="on"), "--flash-attn", "on"),
        ("keys", replace(PLAIN, kv_cache_type_k=KvCacheType.Q8_0), "--cache-type-k", "q8_0"),
        ("values", replace(PLAIN, kv_cache_type_v=KvCacheType.Q8_0), "--cache-type-v", "q8_0"),
        ("the prompt cache is bounded", PLAIN, "--cache-ram", "1024"),
        ("and can be off", replace(PLAIN, prompt_cache_mib=0), "--cache-ram", "0"),
        ("a projector", replace(PLAIN, mmproj_path="/models/p.gguf"), "--mmproj", "/models/p.gguf"),
        ("threads", replace(PLAIN, threads=3), "--threads", "3"),
        ("a long input is embedded at once", replace(PLAIN, mode=Mode.EMBED), "-ub", "8192"),
        ("and so is one to rank", replace(PLAIN, mode=Mode.RERANK), "-b", "8192"),
        ("generation keeps its micro-batch", PLAIN, "-ub", "512"),
    ],
)
def test_a_setting_becomes_a_flag(
    sentence: str, options: ServerOptions, flag: str, expected: str
) -> None:
    long = {"-ub": "--ubatch-size", "-b": "--batch-size"}.get(flag, flag)
    assert value(options, long) == expected, sentence


@pytest.mark.parametrize("flag", ["--metrics", "--slots", "--jinja", "--offline", "--no-webui"])
def test_what_gateway_and_probes_rely_on_is_always_there(flag: str) -> None:
    assert flag in arguments(PLAIN)


@pytest.mark.parametrize(
    ("mode", "flags"),
    [(Mode.GENERATE, set()), (Mode.EMBED, {"--embedding"}), (Mode.RERANK, {"--rerank"})],
)
def test_the_mode_is_one_flag(mode: Mode, flags: set[str]) -> None:
    words = set(arguments(replace(PLAIN, mode=mode)))
    assert words & {"--embedding", "--rerank"} == flags


@pytest.mark.parametrize("flag", ["--threads", "--mmproj"])
def test_what_is_not_asked_for_is_not_passed(flag: str) -> None:
    assert flag not in arguments(PLAIN)


def test_extra_arguments_come_last() -> None:
    words = arguments(replace(PLAIN, extra_args=("--cache-reuse", "256")))
    assert words[-2:] == ("--cache-reuse", "256")


def test_every_flag_we_pass_is_refused_from_users() -> None:
    full = replace(PLAIN, mmproj_path="/models/p.gguf", threads=2)
    passed = {
        word
        for mode in Mode
        for word in arguments(replace(full, mode=mode))
        if word.startswith("-")
    }
    assert passed <= OWNED_FLAGS.keys()


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ([], []),
        (["--cache-reuse", "256", "--temp", "0.2"], []),
        (["-c", "4096"], ["-c is not allowed in spec.engine.extraArgs: use spec.contextLength"]),
        (["--parallel=8"], ["--parallel is not allowed in spec.engine.extraArgs: use spec.slots"]),
        (
            ["--n_gpu_layers", "9"],
            ["--n-gpu-layers is not allowed in spec.engine.extraArgs: use spec.engine.gpuLayers"],
        ),
        (
            ["--no-webui", "-m", "x.gguf"],
            [
                "--no-webui is not allowed in spec.engine.extraArgs: remove it: the operator "
                "sets it, and the gateway and the probes rely on it",
                "-m is not allowed in spec.engine.extraArgs: use spec.model.source",
            ],
        ),
        # A value, not a flag.
        (["--override-kv", "tokenizer.ggml.add_bos_token=bool:false"], []),
    ],
)
def test_refused_words_name_the_field_to_use(words: list[str], refused: list[str]) -> None:
    assert [said for word in words if (said := refusal(word))] == refused


@given(
    flag=st.sampled_from(sorted(OWNED_FLAGS)),
    value=st.text(max_size=5),
)
def test_no_owned_flag_passes_in_any_spelling(flag: str, value: str) -> None:
    assert refusal(flag)
    assert refusal(f"{flag}={value}")
    if flag.startswith("--"):
        assert refusal("--" + flag[2:].replace("-", "_"))


@given(slots=st.integers(1, 64), context=st.integers(1, 1_000_000))
def test_each_slot_gets_the_context_asked_for(slots: int, context: int) -> None:
    options = replace(PLAIN, slots=slots, context_length=context)
    assert int(value(options, "--ctx-size")) == slots * context
    assert "--no-kv-unified" in arguments(options)


@given(st.integers(1, 256))
def test_the_slots_can_be_read_back(slots: int) -> None:
    assert slots_in(arguments(replace(PLAIN, slots=slots))) == slots
