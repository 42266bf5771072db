"""How is llama-server run?"""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.desired.samples import CONTEXT, SOURCE, env, mounts, pod, server


def argument(flag: str, **spec: Any) -> str:
    args = server(**spec)["args"]
    return args[args.index(flag) + 1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("sentence", "spec", "flag", "expected"),
    [
        ("its name is the deployment's", {}, "--alias", "qwen"),
        ("its key is a file", {}, "--api-key-file", "/run/llmstack/server-key/key"),
        (
            "a claim is read where it lies",
            {"model": {"source": "pvc://claim/dir/m.gguf"}},
            "--model",
            "/source/dir/m.gguf",
        ),
        ("on the CPU no layer is offloaded", {}, "--n-gpu-layers", "0"),
        ("with a device all are", {"accelerator": {"vendor": "nvidia"}}, "--n-gpu-layers", "all"),
        (
            "or as many as the user says",
            {"accelerator": {"vendor": "nvidia"}, "engine": {"gpuLayers": 7}},
            "--n-gpu-layers",
            "7",
        ),
        (
            "the prompt cache in MiB",
            {"engine": {"promptCacheMemory": "2Gi"}},
            "--cache-ram",
            "2048",
        ),
        ("rounded up", {"engine": {"promptCacheMemory": "1M"}}, "--cache-ram", "1"),
        ("off", {"engine": {"promptCacheMemory": "0"}}, "--cache-ram", "0"),
        ("threads as given", {"engine": {"threads": 3}}, "--threads", "3"),
        (
            "or as many as the cores asked for",
            {"engine": {"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": "4"}}}},
            "--threads",
            "2",
        ),
        (
            "or allowed",
            {"engine": {"resources": {"limits": {"cpu": "4"}}}},
            "--threads",
            "4",
        ),
        (
            "both halves of the KV cache",
            {"engine": {"kvCacheType": "q8_0"}},
            "--cache-type-v",
            "q8_0",
        ),
    ],
)
def test_a_wish_becomes_an_argument(
    sentence: str, spec: dict[str, Any], flag: str, expected: str
) -> None:
    assert argument(flag, **spec) == expected, sentence


@pytest.mark.parametrize(("ipv6", "host"), [(False, "0.0.0.0"), (True, "::")])
def test_it_listens_on_the_addresses_that_pods_have(ipv6: bool, host: str) -> None:
    args = pod(replace(CONTEXT, ipv6=ipv6))["containers"][0]["args"]
    assert args[args.index("--host") + 1] == host


def test_a_downloaded_model_is_read_from_the_cache_under_its_own_name() -> None:
    path = argument("--model")
    assert path.startswith("/models/sources/")
    assert path.endswith("/model.gguf")
    assert argument("--model", model={"source": SOURCE + "@v2"}) != path


def test_a_projector_is_read_from_the_cache_too() -> None:
    path = argument("--mmproj", model={"mmproj": {"source": "https://e.org/p.gguf"}})
    assert path.startswith("/models/sources/")
    assert path.endswith("/p.gguf")


@pytest.mark.parametrize(
    ("sentence", "spec", "image"),
    [
        ("the vendor's image", {}, "llama-server:cpu"),
        ("of another vendor", {"accelerator": {"vendor": "nvidia"}}, "llama-server:cuda"),
        ("the user's comes first", {"engine": {"image": "mine:1"}}, "mine:1"),
    ],
)
def test_which_image(sentence: str, spec: dict[str, Any], image: str) -> None:
    assert server(**spec)["image"] == image, sentence


def test_the_helpers_find_the_key_and_the_limit_of_silence() -> None:
    found = env(server(lifecycle={"wedgeSeconds": 60}))
    assert found == {
        "LLAMA_API_KEY_FILE": "/run/llmstack/server-key/key",
        "WEDGE_SECONDS": "60",
    }


def test_the_users_variables_come_with_ours_and_never_instead() -> None:
    given = [
        {"name": "CUDA_VISIBLE_DEVICES", "value": "0"},
        {"name": "WEDGE_SECONDS", "value": "1"},
    ]
    found = env(server(pod={"env": given}))
    assert found["CUDA_VISIBLE_DEVICES"] == "0"
    assert found["WEDGE_SECONDS"] == "120"


def test_it_reads_the_cache_and_writes_only_to_its_own_tmp() -> None:
    found = mounts(server())
    assert [path for path, read_only in found.items() if not read_only] == ["/tmp"]


def test_probes() -> None:
    container = server(lifecycle={"startupTimeoutSeconds": 90})
    for name in ("startupProbe", "readinessProbe"):
        assert container[name]["httpGet"]["path"] == "/health"
    assert container["livenessProbe"]["exec"]["command"] == ["llmstack-liveness"]
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 90


HELPERS = "/run/llmstack/helpers"


@pytest.mark.parametrize(
    ("sentence", "image", "brought"),
    [
        ("this project's image has its helpers", "registry/llm-stack/llama-server:0.2.0", False),
        ("upstream's has none", "ghcr.io/ggml-org/llama.cpp:server", True),
        ("nor one by digest", "ghcr.io/ggml-org/llama.cpp@sha256:" + "0" * 64, True),
        ("of an image with a similar name nobody knows", "mine/llama-server-cuda:1", True),
    ],
)
def test_an_installations_image_without_helpers_gets_them(
    sentence: str, image: str, brought: bool
) -> None:
    found = pod(replace(CONTEXT, server_images={"cpu": image}))
    assert (f"{HELPERS}/busybox" in container_commands(found)) is brought, sentence
    assert ("helpers" in {volume["name"] for volume in found["volumes"]}) is brought, sentence


def test_an_image_of_the_users_gets_the_helpers_from_the_init_container() -> None:
    found = pod(engine={"image": "ghcr.io/ggml-org/llama.cpp:server-cuda"})
    (server_container,), (fetch_container,) = found["containers"], found["initContainers"]
    run = [f"{HELPERS}/busybox", "sh"]
    liveness = server_container["livenessProbe"]["exec"]["command"]
    assert liveness == [*run, f"{HELPERS}/llmstack-liveness"]
    drain = server_container["lifecycle"]["preStop"]["exec"]["command"]
    assert drain == [*run, f"{HELPERS}/llmstack-drain", "120"]
    assert mounts(server_container)[HELPERS] is True
    assert mounts(fetch_container)[HELPERS] is False
    assert fetch_container["args"][-2:] == ["--helpers", HELPERS]


def container_commands(found: dict[str, Any]) -> list[str]:
    """The words of the commands that the kubelet runs in the server's container."""
    container = found["containers"][0]
    hook = container["lifecycle"]["preStop"]["exec"]
    return [*container["livenessProbe"]["exec"]["command"], *hook["command"]]


def test_a_crash_leaves_the_end_of_its_log() -> None:
    assert server()["terminationMessagePolicy"] == "FallbackToLogsOnError"
