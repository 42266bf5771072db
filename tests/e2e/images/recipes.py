"""What is each image made of?

A recipe names every file that may influence its image. The builder hands the build a copy of just
these, so nothing else can: equal hashes mean equal images.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.cluster.binaries import binary

REPOSITORY: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Recipe:
    """One image: its context's files (globs below `context`), its Dockerfile, its build args."""

    name: str
    context: Path
    files: tuple[str, ...]
    dockerfile: str = "Dockerfile"
    args: Mapping[str, str] = field(default_factory=dict)
    # Large files that are not in the repository, by their name in the context.
    added: Mapping[str, Path] = field(default_factory=dict)

    def inputs(self) -> dict[str, Path]:
        """Which file goes where in the context?"""
        found = {
            str(path.relative_to(self.context)): path
            for pattern in self.files
            for path in sorted(self.context.glob(pattern))
            if path.is_file()
        }
        return found | dict(self.added)

    def digest(self, base: str) -> str:
        """Which image is this? Changes with every input; 16 hexadecimal digits."""
        hashed = hashlib.sha256()
        for part in (self.name, self.dockerfile, base, repr(sorted(self.args.items()))):
            hashed.update(part.encode() + b"\0")
        for name, path in sorted(self.inputs().items()):
            executable = bool(path.stat().st_mode & 0o100)
            hashed.update(f"{name}\0{executable}\0".encode())
            with path.open("rb") as file:
                hashed.update(hashlib.file_digest(file, "sha256").digest())
        return hashed.hexdigest()[:16]


def llama_server(name: str = "llama-server", **args: str) -> Recipe:
    """The pods of a model. A backend that is named explicitly lets buildah order the stages."""
    files = ("Dockerfile", "cuda.txt", "llmstack.patch", "llmstack-*")
    given = {"BACKEND": "cpu", **args}
    return Recipe(name, REPOSITORY / "images" / "llama-server", files, args=given)


def llama_server_cuda() -> Recipe:
    """The same for NVIDIA's cards; $CUDA_ARCHITECTURES names them, as for CMake."""
    asked = {"CUDA_ARCHITECTURES": os.environ.get("CUDA_ARCHITECTURES", "")}
    args = {name: value for name, value in asked.items() if value}
    return llama_server("llama-server-cuda", BACKEND="cuda", **args)


def operator(context: Path = REPOSITORY, name: str = "operator") -> Recipe:
    """Operator and init container; those of another version from a checkout of it."""
    files = (
        "pyproject.toml",
        "operator/Dockerfile",
        "operator/requirements.txt",
        "operator/llmstack/**/*.py",
        "operator/llmstack/py.typed",
        "images/llama-server/llmstack-*",
    )
    return Recipe(name, context, files, dockerfile="operator/Dockerfile")


def sample_model() -> Recipe:
    """An HTTP server with the sample model, for clusters that reach no model hub."""
    from .sample import MODEL_NAME, model_file  # noqa: PLC0415  (downloads the model)

    context = REPOSITORY / "images" / "sample-model"
    return Recipe(
        "sample-model", context, ("Dockerfile", "lighttpd.conf"), added={MODEL_NAME: model_file()}
    )


def same_content(name: str, archive: Path) -> Recipe:
    """The image of an archive again, with another digest: one label more."""
    context = Path(__file__).parent / "same-content"
    return Recipe(name, context, ("Dockerfile",), args={"IMAGE": f"docker-archive:{archive}"})


def argocd() -> Recipe:
    """Argo CD, for the tests with it."""
    programs = {name: binary(name) for name in ("argocd", "helm")}
    context = REPOSITORY / "tests" / "e2e" / "argocd"
    return Recipe("argocd", context, ("Dockerfile",), added=programs)


PRODUCT: Final[dict[str, Callable[[], Recipe]]] = {
    "llama-server": llama_server,
    "operator": operator,
    "sample-model": sample_model,
}
NAMES: Final = tuple(PRODUCT)
RECIPES: Final = {**PRODUCT, "argocd": argocd, "llama-server-cuda": llama_server_cuda}
