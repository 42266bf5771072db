"""Does an image's name change with what goes in, and with nothing else?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.images.recipes import RECIPES, Recipe

BASE = "localhost/debian:bookworm-slim"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    context = tmp_path / "context"
    (context / "src").mkdir(parents=True)
    (context / "Dockerfile").write_text("FROM base\n")
    (context / "src" / "a.py").write_text("a = 1\n")
    (context / "notes.txt").write_text("not an input\n")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    added = {"m.gguf": tmp_path / "model.gguf"}
    return Recipe("demo", context, ("Dockerfile", "src/**/*.py"), args={"A": "1"}, added=added)


def edit(name: str) -> Callable[[Recipe], None]:
    def change(recipe: Recipe) -> None:
        path = recipe.context / name
        path.write_text(path.read_text() + "# changed\n" if path.exists() else "new\n")

    return change


def make_executable(recipe: Recipe) -> None:
    (recipe.context / "Dockerfile").chmod(0o755)


def edit_added(recipe: Recipe) -> None:
    recipe.added["m.gguf"].write_bytes(b"other")


@pytest.mark.parametrize(
    ("sentence", "change", "differs"),
    [
        ("a changed input is another image", edit("src/a.py"), True),
        ("a new input is another image", edit("src/b.py"), True),
        ("a changed Dockerfile is another image", edit("Dockerfile"), True),
        ("an added file counts by its content", edit_added, True),
        ("the right to execute is content", make_executable, True),
        ("any other file of the context is not", edit("notes.txt"), False),
        ("nor is a new one", edit("other.txt"), False),
    ],
)
def test_the_digest_follows_the_inputs(
    recipe: Recipe, sentence: str, change: Callable[[Recipe], None], differs: bool
) -> None:
    before = recipe.digest(BASE)
    change(recipe)
    assert (recipe.digest(BASE) != before) is differs, sentence


def test_the_digest_follows_base_and_arguments(recipe: Recipe) -> None:
    other = Recipe("demo", recipe.context, recipe.files, args={"A": "2"}, added=recipe.added)
    assert len({recipe.digest(BASE), recipe.digest("other"), other.digest(BASE)}) == 3


def test_the_context_is_laid_out_by_relative_name(recipe: Recipe) -> None:
    assert sorted(recipe.inputs()) == ["Dockerfile", "m.gguf", "src/a.py"]


@pytest.mark.parametrize("name", ["llama-server", "operator"])
def test_every_file_that_a_dockerfile_copies_is_an_input(name: str) -> None:
    recipe = RECIPES[name]()
    inputs = recipe.inputs()
    lines = inputs[recipe.dockerfile].read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--" not in line]
    for source in (word for words in copied for word in words):
        assert any(path == source or path.startswith(f"{source}/") for path in inputs), source


def test_the_server_for_a_card_is_built_for_the_architectures_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_ARCHITECTURES", raising=False)
    every = RECIPES["llama-server-cuda"]()
    monkeypatch.setenv("CUDA_ARCHITECTURES", "90-real")
    one = RECIPES["llama-server-cuda"]()

    assert every.args == {"BACKEND": "cuda"}
    assert one.args == {"BACKEND": "cuda", "CUDA_ARCHITECTURES": "90-real"}
    assert every.digest(BASE) != one.digest(BASE)
