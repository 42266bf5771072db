"""Which model is in a GGUF file? Against the official library, and against hostile bytes."""

import struct

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.engines.facts import GGUFFacts, Kind, NotGGUF
from llmstack.engines.llamacpp.gguf import types as gguf_types
from llmstack.engines.llamacpp.gguf.file import combine, read_facts
from tests.support.gguf_writer import gguf_bytes, header_bytes, model_keys, split_bytes


def facts_of(data, reads=None):
    def read(offset, length):
        if reads is not None:
            reads.append((offset, length))
        return data[offset : offset + length]

    return read_facts(read, len(data))


def test_facts_of_a_small_model():
    data = gguf_bytes()
    assert facts_of(data) == GGUFFacts(
        architecture="llama",
        parameters=4096,
        quantization="F16",
        size_bytes=len(data),
        context_length=2048,
        block_count=2,
        embedding_length=64,
        head_count=4,
        head_count_kv=2,
        vocabulary_size=300,
        has_chat_template=True,
        name="Tiny",
    )


def test_tables_agree_with_the_official_library():
    sizes = {kind.value: size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    del sizes[gguf.GGMLQuantizationType.Q8_1]  # the library has an old size; no file holds it
    assert sizes.items() <= gguf_types.BLOCKS.items(), "llama.cpp itself has newer types"
    names = {
        kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
        for kind in gguf.LlamaFileType
        if kind is not gguf.LlamaFileType.GUESSED
    }
    assert names.items() <= gguf_types.QUANTIZATIONS.items()


def test_a_file_of_the_official_writer(tmp_path):
    path = tmp_path / "official.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_name("Official")
    writer.add_context_length(131072)
    writer.add_block_count(3)
    writer.add_embedding_length(640)
    writer.add_head_count(4)
    writer.add_head_count_kv([1, 2, 1])
    writer.add_key_length(256)
    writer.add_value_length(256)
    writer.add_sliding_window(512)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_token_list(["a", "b", "ü"])
    writer.add_array("x.nested", ["one", "two"])
    import numpy  # noqa: PLC0415 - comes with the library, wanted here alone

    writer.add_tensor("a", numpy.zeros((64, 32), dtype=numpy.float32))
    writer.add_tensor("b", numpy.zeros((3, 5), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    facts = facts_of(path.read_bytes())
    assert facts == GGUFFacts(
        architecture="gemma3",
        parameters=64 * 32 + 15,
        quantization="Q4_K_M",
        size_bytes=path.stat().st_size,
        context_length=131072,
        block_count=3,
        embedding_length=640,
        head_count=4,
        head_count_kv=(1, 2, 1),
        key_length=256,
        value_length=256,
        sliding_window=512,
        vocabulary_size=3,
        name="Official",
    )
    assert GGUFFacts.from_json(facts.to_json()) == facts


def test_the_official_reader_reads_our_test_files(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes())
    reader = gguf.GGUFReader(path)
    assert sum(int(tensor.n_elements) for tensor in reader.tensors) == 4096


def test_a_split_model_is_the_sum_of_its_parts():
    files = split_bytes(3)
    facts = combine([facts_of(data) for data in files])
    assert (facts.parameters, facts.split_count) == (3 * 4096, 3)
    assert facts.size_bytes == sum(map(len, files))
    assert facts.architecture == "llama"


def test_flags_per_layer_stay_a_list_even_if_all_are_alike():
    assert facts_of(gguf_bytes(sliding_window_pattern=[True, True])).sliding_window_pattern == (
        1,
        1,
    )
    assert facts_of(gguf_bytes(sliding_window_pattern=6)).sliding_window_pattern == 6


def test_a_big_tokenizer_is_walked_over_and_not_kept():
    tokens = ["t" * (number % 13) for number in range(200_000)]
    reads = []
    data = gguf_bytes(tokenizer__ggml__tokens=tokens)
    facts = facts_of(data, reads)
    assert facts.vocabulary_size == 200_000
    assert max(length for _, length in reads) <= 2**18


REFUSED = [
    (b"", "begins with nothing"),
    (b"<!DOCTYPE html><html>", "a web page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    (b"PK\x03\x04 and more", "a zip archive"),
    (b"\x10\0\0\0\0\0\0\0{}", "a safetensors file"),
    (b"\x7fELF and more", "begins with 7f 45 4c 46"),
    (b"GGUF", "ends within its header"),
    (b"GGUF" + struct.pack("<I", 1) + bytes(64), "GGUF version 1"),
    (b"GGUF" + struct.pack(">I", 3) + bytes(64), "or big-endian"),
    (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "tensors"),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40), "keys"),
    (header_bytes({}, []), "names no architecture"),
    (header_bytes({"general.architecture": 7}, []), "is no text"),
    (header_bytes(model_keys(block_count=513), []), "513 layers; llama.cpp takes at most 512"),
    (header_bytes(model_keys(), [("a" * 64, 1, 0, 0)]), "64 bytes in a name"),
    (header_bytes(model_keys(), [("a", 1, 0, 0), ("a", 1, 0, 32)]), "two tensors have the name a"),
    (header_bytes(model_keys(head_count_kv=[1] * 5 + [5000]), []), "head_count_kv"),
    (header_bytes(model_keys(context_length="long"), []), "context_length is 'long'"),
    (header_bytes(model_keys(), [("a", 2**51, 0, 0)]), "more weights"),
    (gguf_bytes()[:-1], "truncated"),
    (header_bytes(model_keys(), [("a", 2**18, 42, 0)]) + bytes(1000), "announces"),
]


@pytest.mark.parametrize("kind", sorted(gguf_types.BLOCKS))
def test_a_tensor_of_any_known_type_that_is_cut_short_is_truncated(kind):
    block, width = gguf_types.BLOCKS[kind]
    head = header_bytes(model_keys(), [("a", 4096, kind, 0)])
    whole = head + bytes(4096 // block * width)
    assert facts_of(whole).unknown_type is None
    with pytest.raises(NotGGUF, match="truncated"):
        facts_of(whole[:-1])


@pytest.mark.parametrize("kind", [4, 5, 31, 36, 38, 43, 156, 2**31])
def test_a_tensor_of_an_unknown_type_is_named(kind):
    head = header_bytes(model_keys(), [("token_embd.weight", 64, 0, 0), ("odd", 64, kind, 256)])
    facts = facts_of(head + bytes(512))
    assert (facts.unknown_tensor, facts.unknown_type) == ("odd", kind)
    assert GGUFFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize("layers", [256, 257, 471, 512])
def test_as_many_layers_as_llama_cpp_takes(layers):
    heads = [2, 0] * (layers // 2) + [4] * (layers % 2)
    flags = [True, False] * (layers // 2) + [True] * (layers % 2)
    keys = {"block_count": layers, "head_count_kv": heads, "sliding_window_pattern": flags}
    facts = facts_of(gguf_bytes(**keys))
    assert (facts.block_count, facts.head_count_kv) == (layers, tuple(heads))
    assert GGUFFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    ("architecture", "changes", "kind"),
    [
        ("llama", {}, Kind.MODEL),
        ("llama", {"general__type": "model"}, Kind.MODEL),
        ("llama", {"general__type": "something new"}, Kind.MODEL),
        ("clip", {}, Kind.PROJECTOR),
        ("clip", {"general__type": "model"}, Kind.PROJECTOR),
        ("llama", {"general__type": "mmproj"}, Kind.PROJECTOR),
        ("llava", {"clip__has_vision_encoder": True}, Kind.PROJECTOR),
        ("llama", {"general__type": "adapter", "adapter__type": "lora"}, Kind.ADAPTER),
        ("controlvector", {}, Kind.CONTROL_VECTOR),
        ("llama", {"general__type": "imatrix"}, Kind.IMATRIX),
    ],
)
def test_what_a_file_holds(architecture, changes, kind):
    assert facts_of(gguf_bytes(architecture, **changes)).kind is kind


def test_a_file_without_an_architecture_may_say_what_it_is():
    imatrix = header_bytes({"general.type": "imatrix"}, [("a", 1, 0, 0)]) + bytes(4)
    assert facts_of(imatrix).kind is Kind.IMATRIX


def test_a_vocabulary_is_not_truncated():
    unpadded = header_bytes(model_keys(general__name="Tiny 3"), []).rstrip(b"\0")
    assert facts_of(unpadded).kind is Kind.VOCABULARY


def test_a_first_part_may_be_without_tensors():
    keys = model_keys() | {"split.no": 0, "split.count": 2, "split.tensors.count": 1}
    assert facts_of(header_bytes(keys, [])).kind is Kind.MODEL


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_refused_with_the_reason(data, words):
    with pytest.raises(NotGGUF, match=words):
        facts_of(data)


SMALL = gguf_bytes(weights=64, tokenizer__ggml__tokens=["a", "b"], tokenizer__ggml__scores=None)


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=9)), max_size=4
    ),
    st.integers(0, len(SMALL)),
)
def test_damaged_bytes_are_refused_or_understood(changes, length):
    data = bytearray(SMALL)
    for place, change in changes:
        data[place : place + len(change)] = change
    try:
        facts = facts_of(bytes(data[:length]))
    except NotGGUF as refused:
        assert 10 < len(str(refused)) < 300
    else:
        assert GGUFFacts.from_json(facts.to_json()) == facts


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_magic(data):
    with pytest.raises(NotGGUF):
        facts_of(b"GGUF" + struct.pack("<IQQ", 3, 1, 3) + data)


def test_what_the_reader_raises_passes_through():
    class NotYet(Exception):
        pass

    def read(offset, length):
        if offset + length > 100:
            raise NotYet
        return SMALL[offset : offset + length]

    with pytest.raises(NotYet):
        read_facts(read, len(SMALL))
