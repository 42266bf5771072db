"""Does a model come from a hub, with all that hubs do? Against real HTTP on two hosts."""

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, split_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=10_000_000)
SUM = hashlib.sha256(MODEL).hexdigest()
OTHER = "0" * 64
SOURCE = "hf://owner/repo/q4.gguf"


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def test_a_model_arrives_verified_with_its_facts(fetch, hub):
    outcome = fetch(SOURCE, "--context-length", "2048")
    assert outcome.status == 0
    assert fetch.model(SOURCE).read_bytes() == MODEL
    model = outcome.result.model
    assert (model.sha256, model.size_bytes, model.revision) == (SUM, len(MODEL), hub.commit)
    assert (outcome.result.gguf.context_length, outcome.result.gguf.parameters) == (
        2048,
        10_000_000,
    )
    assert outcome.progress.bytes == outcome.progress.total == len(MODEL)
    assert fetch.leftovers() == []


def test_a_second_pod_downloads_nothing(fetch, hub):
    first = fetch(SOURCE)
    hub.seen.clear()
    second = fetch(SOURCE)
    assert second.result == first.result
    assert hub.seen == []


def test_the_same_file_under_another_name_is_not_downloaded_again(fetch, hub):
    fetch(SOURCE)
    served = hub.served
    pinned = f"{SOURCE}@{hub.commit}"
    assert fetch(pinned).status == 0
    assert hub.served - served < 1000
    assert fetch.model(pinned).resolve() == fetch.model(SOURCE).resolve()


def test_the_token_is_never_shown_to_the_download_host(fetch, hub, tmp_path):
    hub.token = "hf_secret"
    token = tmp_path / "token"
    token.write_text("hf_secret\n")
    outcome = fetch(SOURCE, HF_TOKEN_FILE=str(token))
    assert outcome.status == 0
    assert all(
        seen.headers["Authorization"] == "Bearer hf_secret" for seen in hub.requests_to("hub")
    )
    assert hub.requests_to("cdn")
    assert not any("Authorization" in seen.headers for seen in hub.requests_to("cdn"))
    assert "hf_secret" not in outcome.log + outcome.termination


def test_no_signature_reaches_the_log(fetch, hub):
    hub.faults.refuse_download = 403
    outcome = fetch(SOURCE)
    assert "Signature" not in outcome.log + outcome.termination


@pytest.mark.parametrize(("uses", "connections"), [(2, "1"), (4, "3")])
def test_signed_addresses_that_expire_are_asked_for_again(fetch, hub, uses, connections):
    hub.faults.uses = uses
    assert fetch(SOURCE, LLMSTACK_FETCH_CONNECTIONS=connections).status == 0
    assert fetch.model(SOURCE).read_bytes() == MODEL


def test_a_split_model_has_all_parts_side_by_side(fetch, hub):
    parts = split_bytes(3, weights=100_000)
    names = [f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    hub.repos["owner/repo"] |= {
        f"sub/{name}": part for name, part in zip(names, parts, strict=True)
    }
    source = f"hf://owner/repo/sub/{names[0]}"
    outcome = fetch(source)
    assert outcome.status == 0
    folder = fetch.model(source).parent
    assert [(folder / name).read_bytes() for name in names] == parts
    assert outcome.result.model.parts == 3
    assert outcome.result.model.size_bytes == sum(map(len, parts))
    assert outcome.result.gguf.parameters == 300_000


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("hf://owner/repo/My%20Model.gguf", "My Model.gguf"),
        ("hf://owner/repo/a%40b.gguf", "a@b.gguf"),
        ("hf://owner/repo/100%25%20%231%3F.gguf", "100% #1?.gguf"),
        ("hf://owner/repo/My%20Models/größe%5C1.gguf@main", "My Models/größe\\1.gguf"),
        ("hf://owner/repo/%E2%82%AC%2020.gguf", "€ 20.gguf"),
    ],
)
def test_one_form_reaches_every_name(fetch, hub, source, name):
    hub.repos["owner/repo"] = {name: MODEL}
    assert fetch(source).status == 0
    assert fetch.model(source).name == name.rpartition("/")[2]
    assert fetch.model(source).read_bytes() == MODEL


def test_a_projector_comes_along(fetch, hub):
    projector = gguf_bytes("clip", weights=5000, context_length=None)
    hub.repos["owner/repo"]["mmproj.gguf"] = projector
    outcome = fetch(SOURCE, "--mmproj", "hf://owner/repo/mmproj.gguf")
    assert [file.role for file in outcome.result.files] == ["model", "mmproj"]
    assert fetch.model("hf://owner/repo/mmproj.gguf").read_bytes() == projector


def test_a_projector_with_the_wrong_sum(fetch, hub):
    flags = ["--mmproj", SOURCE, "--mmproj-sha256", OTHER]
    reason, message = refused(fetch, SOURCE, *flags)
    assert reason == reasons.CHECKSUM_MISMATCH
    assert f"spec.model.mmproj.sha256 is {OTHER}" in message


def refused(fetch, source, *flags, **environ):
    outcome = fetch(source, *flags, **environ)
    assert outcome.status == 1
    assert f'"reason":"{outcome.failure.reason}"' in outcome.log
    return outcome.failure.reason, outcome.failure.message


def test_private_without_a_token(fetch, hub):
    hub.token = "hf_secret"
    reason, message = refused(fetch, SOURCE)
    assert reason == reasons.SOURCE_UNAUTHORIZED
    assert "spec.model.secretRef" in message
    assert "key `token`" in message


def test_private_with_a_wrong_token(fetch, hub, tmp_path):
    hub.token = "hf_secret"
    (tmp_path / "token").write_text("hf_other")
    reason, message = refused(fetch, SOURCE, HF_TOKEN_FILE=str(tmp_path / "token"))
    assert reason == reasons.SOURCE_UNAUTHORIZED
    assert "the token of spec.model.secretRef may not read it" in message


def test_a_secret_without_the_key(fetch, tmp_path):
    reason, message = refused(fetch, SOURCE, HF_TOKEN_FILE=str(tmp_path / "none"))
    assert reason == reasons.SOURCE_UNAUTHORIZED
    assert "needs the key `token`" in message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("hf://owner/none/q4.gguf", "that repository does not exist"),
        ("hf://owner/repo/none.gguf", "no none.gguf (answer 404)"),
        (f"{SOURCE}@none", "that revision does not exist"),
    ],
)
def test_what_does_not_exist(fetch, source, words):
    reason, message = refused(fetch, source)
    assert reason == reasons.SOURCE_NOT_FOUND
    assert words in message
    assert "check spec.model.source" in message


def test_the_sum_of_the_spec_is_not_the_hubs(fetch, hub):
    reason, message = refused(fetch, SOURCE, "--sha256", OTHER)
    assert reason == reasons.CHECKSUM_MISMATCH
    assert OTHER in message
    assert SUM in message
    assert hub.served < 1000, "known before the download"


def test_wrong_bytes_are_never_published(fetch, hub):
    hub.faults.corrupt_at = 7_000_000
    reason, message = refused(fetch, SOURCE)
    assert reason == reasons.CHECKSUM_MISMATCH
    assert "the hub announces" in message
    assert SUM in message
    assert not fetch.model(SOURCE).exists()
    assert list((fetch.cache / "blobs").iterdir()) == []
    assert fetch.leftovers() == []
    hub.faults.corrupt_at = None
    assert fetch(SOURCE).status == 0


def test_a_context_that_is_too_long_is_refused_before_the_download(fetch, hub):
    hub.faults.bytes_per_second = 4_000_000
    reason, message = refused(
        fetch, SOURCE, "--context-length", "4096", LLMSTACK_FETCH_CONNECTIONS="1"
    )
    assert reason == reasons.CONTEXT_LENGTH_TOO_LARGE
    assert "4096" in message
    assert "maximum is 2048" in message
    assert hub.served < len(MODEL)


def test_a_web_page_is_no_model(fetch, hub):
    hub.repos["owner/repo"]["page.gguf"] = b"<!doctype html>" + bytes(1_000_000)
    reason, message = refused(fetch, "hf://owner/repo/page.gguf")
    assert reason == reasons.NOT_GGUF
    assert "a web page" in message
    assert hub.served < 1000


def test_a_download_host_that_refuses_for_good(fetch, hub):
    hub.faults.refuse_download = 403
    reason, message = refused(fetch, SOURCE)
    assert reason == reasons.SOURCE_UNAUTHORIZED
    assert "127.0.0.2" in message


def test_a_busy_hub_is_asked_again(fetch, hub):
    hub.faults.busy = 2
    assert fetch(SOURCE).status == 0


def test_a_hub_that_stays_busy(fetch, hub):
    hub.faults.busy = 1000
    reason, message = refused(fetch, SOURCE)
    assert reason == reasons.SOURCE_UNREACHABLE
    assert "503" in message
    assert "tried 4 times" in message


def test_the_official_client_downloads_from_the_same_hub(hub, tmp_path):
    path = hf_hub_download(
        "owner/repo", "q4.gguf", endpoint=hub.endpoint, cache_dir=tmp_path, token=False
    )
    assert Path(path).read_bytes() == MODEL
