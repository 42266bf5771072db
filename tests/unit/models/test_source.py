"""Where does a model come from? As a table of sentences."""

import hashlib
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmstack.errors import InvalidSource
from llmstack.models.source import (
    ClaimSource,
    HttpSource,
    HubSource,
    base_name,
    cache_key,
    claim_name,
    model_path,
    parse_source,
    part_names,
    part_sources,
    require_sha256,
)

ACCEPTED = [
    ("hf://Qwen/Qwen2.5-GGUF/q4.gguf", HubSource("Qwen", "Qwen2.5-GGUF", "q4.gguf")),
    ("hf://a/b/sub/dir/q4.gguf", HubSource("a", "b", "sub/dir/q4.gguf")),
    ("hf://a/b/q4.gguf@main", HubSource("a", "b", "q4.gguf", "main")),
    ("hf://a/b/q4.gguf@refs/pr/7", HubSource("a", "b", "q4.gguf", "refs/pr/7")),
    ("https://models.example/q4.gguf", HttpSource("https://models.example/q4.gguf")),
    ("http://10.0.0.1:8000/d/q4.gguf?v=2", HttpSource("http://10.0.0.1:8000/d/q4.gguf?v=2")),
    ("pvc://models/llama/q4.gguf", ClaimSource("models", "llama/q4.gguf")),
    ("hf://o/r/My%20Model.gguf", HubSource("o", "r", "My Model.gguf")),
    ("hf://o/r/My%20Models/a%40b.gguf@v1", HubSource("o", "r", "My Models/a@b.gguf", "v1")),
    ("hf://o/r/100%25.gguf", HubSource("o", "r", "100%.gguf")),
    ("hf://o/r/a%5Cb.gguf", HubSource("o", "r", "a\\b.gguf")),
    ("hf://o/r/größe, #1?.gguf".replace(" ", "%20"), HubSource("o", "r", "größe, #1?.gguf")),
    ("hf://o/r/q4.gguf@50%25", HubSource("o", "r", "q4.gguf", "50%")),
    ("pvc://models/My%20Model.gguf", ClaimSource("models", "My Model.gguf")),
    ("pvc://models/a%40b/100%25.gguf", ClaimSource("models", "a@b/100%.gguf")),
    ("https://h/My%20Model.gguf", HttpSource("https://h/My%20Model.gguf")),
]

# One file, two spellings: both are one entry in the cache.
ALSO = [
    ("hf://o/r/gr%C3%B6%C3%9Fe.gguf", "hf://o/r/größe.gguf"),
    ("hf://o/r/%F0%9F%98%80%E2%82%AC.gguf", "hf://o/r/😀€.gguf"),
    ("hf://o/r/a%5b1%5d%2B.gguf", "hf://o/r/a[1]+.gguf"),
]

REFUSED = [
    ("", "begin with hf://"),
    ("q4.gguf", "begin with hf://"),
    ("s3://bucket/q4.gguf", "begin with hf://"),
    ("hf://Qwen/q4.gguf", "write hf://owner/repo/path/to/file.gguf"),
    ("hf://a/b/../q4.gguf", "must name a file"),
    ("hf://a/b//q4.gguf", "must name a file"),
    ("hf://a/b/q4.gguf@", "after @ write a branch"),
    ("hf://a/b/q4.gguf@a/../b", "after @ write a branch"),
    ("hf://a/b/q4 .gguf", "remove spaces.*%20 for a space"),
    ("hf://a/b/q4%.gguf", "%.g is not decoded. Write %25 for a percent sign"),
    ("hf://a/b/q4%2", "%2 is not decoded"),
    ("hf://a/b/%2e%2e/q4.gguf", "%2e is not decoded"),
    ("hf://a/b/c%2Fq4.gguf", "%2F is not decoded"),
    ("hf://a/b/q4%00.gguf", "%00 is not decoded"),
    ("hf://a/b/q4%0A.gguf", "%0A is not decoded"),
    ("hf://a/b/q4%FF.gguf", "%FF is not decoded.*only text in UTF-8"),
    ("hf://a/b/q4%ED%A0%80.gguf", "%ED is not decoded"),
    ("hf://a/b/%41.gguf", "letters, digits, -, ., _ and ~ as they are"),
    ("hf://a/b/a@b.gguf", "an @ in a file's name is %40"),
    ("hf://a/b/" + "n" * 256, "more than 255 bytes"),
    ("pvc://models/" + "%C3%B6" * 128, "more than 255 bytes"),
    ("pvc://models/100%.gguf", "%.g is not decoded"),
    ("https://u:p@host/q4.gguf", "spec.model.secretRef"),
    ("https://token@host/q4.gguf", "spec.model.secretRef"),
    ("https:///q4.gguf", "the host is missing"),
    ("https://host/", "the file is missing"),
    ("https://host:port/q4.gguf", "Port could not be cast"),
    ("https://[::1/q4.gguf", "Invalid IPv6 URL"),
    ("https://host/q4.gguf#x", "remove the part after #"),
    ("pvc://models", "write pvc://claim/path"),
    ("pvc://Models/q4.gguf", "write pvc://claim/path"),
    ("pvc://models/../q4.gguf", "must name a file"),
    ("hf://a/b/q-00002-of-00003.gguf", "name the first part, q-00001-of-00003.gguf"),
]


@pytest.mark.parametrize(("text", "source"), ACCEPTED)
def test_accepted(text, source):
    assert parse_source(text) == source
    assert str(source) == text


@pytest.mark.parametrize(("text", "other"), ALSO)
def test_two_spellings_of_one_file(text, other):
    one = parse_source(text)
    assert cache_key(one, None) == cache_key(parse_source(str(one)), None)
    assert (one, str(one)) == (parse_source(other), str(parse_source(other)))


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40))
def test_one_form_reaches_every_name(name):
    assume(name not in (".", "..") and "/" not in name)
    for prefix in ("hf://o/r/", "pvc://c/"):
        source = parse_source(prefix + quote(name, safe="") + "/q4.gguf")
        path = source.file if isinstance(source, HubSource) else source.path
        assert path == f"{name}/q4.gguf"
        assert parse_source(str(source)) == source


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refused_with_what_to_write(text, words):
    with pytest.raises(InvalidSource, match=words.replace("?", r"\?")):
        parse_source(text)


def test_refusal_does_not_repeat_credentials():
    with pytest.raises(InvalidSource) as refused:
        parse_source("https://user:hunter2@host/q4.gguf")
    assert "hunter2" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_a_source_or_a_clear_refusal(text):
    try:
        source = parse_source(text)
    except InvalidSource as refused:
        assert len(str(refused)) > 20
    else:
        assert "/" not in base_name(source)
        assert base_name(source) not in ("", ".", "..")


def test_model_path_is_known_before_the_download():
    source = parse_source("hf://a/b/sub/q4.gguf")
    key = cache_key(source, None)
    assert model_path(source, None) == PurePosixPath(f"/models/sources/{key}/q4.gguf")
    assert claim_name(source) is None


def test_model_on_a_claim_is_read_where_it_lies():
    source = parse_source("pvc://models/llama/q4.gguf")
    assert model_path(source, None) == PurePosixPath("/source/llama/q4.gguf")
    assert claim_name(source) == "models"


def test_another_revision_or_checksum_is_another_model():
    sums = [None, "0" * 64, "1" * 64]
    texts = ["hf://a/b/q4.gguf", "hf://a/b/q4.gguf@main", "hf://a/b/q5.gguf"]
    keys = {cache_key(parse_source(text), sha) for text in texts for sha in sums}
    assert len(keys) == 9
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (
            "hf://a/b/d/q-00001-of-00003.gguf@v1",
            "hf://a/b/d/q-00001-of-00003.gguf@v1",
            "hf://a/b/d/q-00003-of-00003.gguf@v1",
        ),
        (
            "https://h/d/q-00001-of-00002.gguf?v=1",
            "https://h/d/q-00001-of-00002.gguf?v=1",
            "https://h/d/q-00002-of-00002.gguf?v=1",
        ),
        (
            "pvc://c/d/q-00001-of-00002.gguf",
            "pvc://c/d/q-00001-of-00002.gguf",
            "pvc://c/d/q-00002-of-00002.gguf",
        ),
        ("https://h/q.gguf", "https://h/q.gguf", "https://h/q.gguf"),
    ],
)
def test_parts_lie_beside_the_first(text, first, last):
    parts = [str(part) for part in part_sources(parse_source(text))]
    assert (parts[0], parts[-1]) == (first, last)


def test_part_names():
    assert part_names("m.gguf") == ("m.gguf",)
    assert part_names("m-00001-of-00000.gguf") == ("m-00001-of-00000.gguf",)
    assert part_names("m-00001-of-00002.gguf") == (
        "m-00001-of-00002.gguf",
        "m-00002-of-00002.gguf",
    )


def test_sha256_is_what_sha256sum_prints():
    text = hashlib.sha256(b"").hexdigest()
    assert require_sha256(text.upper()) == text
    with pytest.raises(InvalidSource, match="64 hexadecimal digits"):
        require_sha256("abc")
