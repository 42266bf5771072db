"""Do the images run as restricted pods run them, and does llama-server do what we ask of it?"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from llmstack.api.engine import Mode
from llmstack.engines.llamacpp.owned_flags import OWNED_FLAGS
from llmstack.engines.llamacpp.server_arguments import arguments
from tests.e2e.images import NAMES, build, llama_server_binary, model_file
from tests.e2e.images.container import running
from tests.e2e.images.sample import MODEL_NAME
from tests.e2e.images.serving import (
    Served,
    computing,
    free_port,
    options,
    serving,
    serving_here,
    until,
)
from tests.e2e.images.unpack import configuration, root_filesystem

QUESTION = {
    "messages": [{"role": "user", "content": "Name three colours."}],
    "temperature": 0,
    "max_tokens": 24,
}


UNCHECKED = 1
"""Flags of compiled code that is taken without a look at its source."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(options(slots=3, context_length=256)) as server:
        yield server


@pytest.fixture(scope="module")
def help_text() -> str:
    binary = llama_server_binary()
    return subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout


def answer(client: httpx.Client) -> str:
    response = client.post("/v1/chat/completions", json=QUESTION)
    response.raise_for_status()
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize("name", NAMES)
def test_the_image_is_not_root_and_ships_no_build_tools(name: str) -> None:
    image = build(name)
    root = root_filesystem(image)
    assert configuration(image)["User"] == "65532:65532"
    for tool in ("cc", "gcc", "g++", "cmake", "pip", "pip3"):
        assert not list(root.glob(f"**/bin/{tool}")), tool
    # A mounted file leaves its empty mount point behind.
    for setting in ("sources.list", "apt.conf"):
        file = root / "etc/apt" / setting
        assert not file.exists() or not file.read_text(), "the host's settings are not shipped"


def test_the_operators_image_has_all_of_its_code_compiled() -> None:
    """Nothing can be compiled later: the file system of the init container is read-only."""
    packages = "opt/llmstack/lib/python3*/site-packages"
    sources = list(root_filesystem(build("operator")).glob(f"{packages}/**/*.py"))
    assert len(sources) > 1000
    assert [path for path in sources if not is_compiled(path)] == []


def test_the_operators_image_leaves_out_the_classes_that_calls_by_path_do_not_need() -> None:
    packages = root_filesystem(build("operator")) / "opt/llmstack/lib"
    (kubernetes,) = packages.glob("python3*/site-packages/kubernetes")
    assert not list(kubernetes.glob("**/core_v1_api.py"))
    assert not list(kubernetes.glob("**/models/v1_pod*.py"))
    assert list(kubernetes.glob("aio/client/api_client.py"))


def is_compiled(source: Path) -> bool:
    """Whether Python would take what lies in __pycache__ for the code of this file (PEP 552)."""
    found = source.parent.glob(f"__pycache__/{source.stem}.cpython-???.pyc")
    compiled = next(found, None)
    if compiled is None:
        return False
    flags, modified, size = struct.unpack("<4xIII", compiled.read_bytes()[:16])
    stat = source.stat()
    return flags == UNCHECKED or (flags, modified, size) == (0, int(stat.st_mtime), stat.st_size)


def test_a_killed_build_leaves_no_process(tmp_path: Path) -> None:
    build("sample-model")
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo it runs && sleep 3607\n")
    log = tmp_path / "log"
    script = (
        "import sys; from pathlib import Path; from tests.e2e.images import base, buildah\n"
        "context, log = map(Path, sys.argv[1:])\n"
        "args = {'BASE': base.reference()}\n"
        "buildah.build(context, 'Dockerfile', 'localhost/llm-stack/killed:1', args, log)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(log)])
    until(lambda: log.exists() and "\nit runs" in log.read_text())
    process.kill()
    process.wait()
    until(lambda: not running_with(str(tmp_path)) and not running_with("sleep\x003607"))


def running_with(word: str) -> list[Path]:
    """Which processes have that word in their command line?"""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word in path.read_text(errors="replace"):
                found.append(path)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_second_build_is_the_same_image(name: str) -> None:
    first = build(name)
    made = first.archive.stat().st_mtime_ns
    assert build(name) == first
    assert first.archive.stat().st_mtime_ns == made


def test_props_show_the_slots_and_the_context_per_slot(served: Served) -> None:
    props = served.client.get("/props").json()
    slots = served.client.get("/slots").json()
    assert props["total_slots"] == 3
    assert [slot["n_ctx"] for slot in slots] == [256, 256, 256]
    assert props["default_generation_settings"]["n_ctx"] == 256


def test_at_temperature_0_it_answers_what_the_same_binary_answers_here(served: Served) -> None:
    text = answer(served.client)
    assert text.strip()
    with serving_here(options(slots=3, context_length=256)) as client:
        assert answer(client) == text


def test_the_models_name_is_the_alias(served: Served) -> None:
    listed = served.client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["sample"]


def test_it_measures(served: Served) -> None:
    answer(served.client)
    metrics = served.client.get("/metrics").text
    assert "llamacpp:tokens_predicted_total" in metrics
    assert "llamacpp:requests_deferred 0" in metrics


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/slots", 401), ("/props", 401), ("/metrics", 401), ("/", 404)],
)
def test_without_the_key_only_health_answers_and_there_is_no_page(
    served: Served, path: str, status: int
) -> None:
    assert httpx.get(f"{served.url}{path}").status_code == status


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_its_request_while_others_are_served(stream: bool) -> None:
    with serving(options(context_length=16384)) as server:
        with computing(server, tokens=16000, stream=stream):
            assert server.busy()
        generated = re.search(
            r"^llamacpp:tokens_predicted_total (\d+)", server.client.get("/metrics").text, re.M
        )
        assert generated is not None
        assert int(generated[1]) < 16000


# A model made for generation does not say how its vectors are pooled; embedding models do.
EMBED = {"mode": Mode.EMBED, "extra_args": ("--pooling", "mean")}


def test_embed_mode_answers_with_vectors() -> None:
    with serving(options(**EMBED)) as server:
        body = {"input": ["a sentence", "and another"]}
        response = server.client.post("/v1/embeddings", json=body)
        response.raise_for_status()
        vectors = [item["embedding"] for item in response.json()["data"]]
    assert [len(vector) for vector in vectors] == [576, 576]


def test_an_input_as_long_as_the_context_is_embedded() -> None:
    with serving(options(**EMBED, context_length=640)) as server:
        response = server.client.post("/v1/embeddings", json={"input": "word " * 600})
        assert response.status_code == 200, response.text


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """A model file whose opening blocks, as on a storage that does not answer."""
    path = tmp_path / "model.gguf"
    os.mkfifo(path, 0o644)
    tmp_path.chmod(0o755)
    return path


def test_sigterm_ends_a_server_that_still_loads(unreadable: Path) -> None:
    with serving(options(), ready=False, model=unreadable) as server:
        until(lambda: server.health() == 503, server.container)
        server.container.signal("TERM")
        assert server.container.process.wait(timeout=60) != 0


def test_sigterm_ends_a_ready_server() -> None:
    with serving(options()) as server:
        server.container.signal("TERM")
        assert server.container.process.wait(timeout=60) == 0


@pytest.mark.parametrize("mode", list(Mode))
def test_the_build_knows_every_flag_that_is_passed(help_text: str, mode: Mode) -> None:
    full = replace(options(mode=mode), mmproj_path="/models/projector.gguf")
    passed = {word for word in arguments(full) if word.startswith("-")}
    assert passed <= known_flags(help_text)


def test_the_build_knows_every_flag_that_users_are_refused(help_text: str) -> None:
    assert set(OWNED_FLAGS) <= known_flags(help_text)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_build_accepts_the_arguments_of_each_mode(mode: Mode) -> None:
    words = arguments(options(mode=mode, model_path="/nowhere.gguf", api_key_file="/dev/null"))
    done = subprocess.run(
        [llama_server_binary(), *words], capture_output=True, text=True, check=False
    )
    assert "/nowhere.gguf" in done.stdout + done.stderr
    assert "invalid argument" not in done.stdout + done.stderr


def known_flags(help_text: str) -> set[str]:
    """Every spelling: a line begins with those of one flag, such as "-c,    --ctx-size N"."""
    heads = re.findall(r"^--?[\w.-]+(?:,\s+--?[\w.-]+)*", help_text, re.MULTILINE)
    return {word for head in heads for word in re.split(r",\s+", head)}


def test_llmstack_starts_in_its_image() -> None:
    with running(build("operator"), ["--help"]) as container:
        assert container.process.wait(timeout=60) == 0
        text = container.log.read_text()
    assert "operator" in text
    assert "fetch" in text


def test_the_sample_model_is_served_in_ranges() -> None:
    content = model_file().read_bytes()
    port = free_port()
    with running(build("sample-model"), [], {"PORT": str(port)}) as container:
        url = f"http://127.0.0.1:{port}/{MODEL_NAME}"
        with httpx.Client() as client:
            until(lambda: reached(client, url), container)
            head = client.head(url)
            part = client.get(url, headers={"Range": "bytes=1000000-1000099"})
            rest = client.get(url, headers={"Range": f"bytes={len(content) - 5}-"})
            whole = client.get(url)
    assert head.headers["content-length"] == str(len(content))
    assert head.headers["accept-ranges"] == "bytes"
    assert (part.status_code, part.content) == (206, content[1000000:1000100])
    assert part.headers["content-range"] == f"bytes 1000000-1000099/{len(content)}"
    assert rest.content == content[-5:]
    assert part.headers["etag"] == head.headers["etag"]
    assert whole.content == content


def reached(client: httpx.Client, url: str) -> bool:
    try:
        return client.head(url).status_code == 200
    except httpx.TransportError:
        return False
