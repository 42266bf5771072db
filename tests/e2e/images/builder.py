"""Where is an image, and is it built already?"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache, packages

from . import base, buildah
from .errors import ImageError
from .prune import prune
from .recipes import RECIPES, Recipe

PACKAGES: Final = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"}


@dataclass(frozen=True)
class Image:
    """A built image: the name pods use, and the archive to import it from."""

    ref: str
    archive: Path


def build(name: str) -> Image:
    """The image of that name (one of RECIPES) for the files as they are now; built at most once."""
    return build_recipe(RECIPES[name]())


def build_recipe(recipe: Recipe) -> Image:
    """The same for any recipe."""
    digest = recipe.digest(base.reference())
    reference = f"localhost/llm-stack/{recipe.name}:{digest}"
    entry = cache.entry("images", f"{recipe.name}-{digest}", partial(_make, recipe, reference))
    # Its time says when it was last wanted.
    os.utime(entry)
    return Image(reference, entry / "image.tar")


def _make(recipe: Recipe, reference: str, directory: Path) -> None:
    packages.ensure(PACKAGES)
    # buildah's storage is shared by all images: one build at a time, each uses every core anyway.
    with cache.locked(cache.root() / ".buildah.lock"):
        buildah.tidy()
        args = dict(recipe.args) | {"BASE": buildah.import_base()}
        with tempfile.TemporaryDirectory(prefix="context-", dir=directory) as context:
            _lay_out(recipe, Path(context))
            # Waiting for the lock may have taken minutes: the name must still be true.
            if not reference.endswith(recipe.digest(base.reference())):
                raise ImageError(f"Files of {recipe.name} changed meanwhile: run this again.")
            log = directory / "build.log"
            buildah.build(Path(context), recipe.dockerfile, reference, args, log)
        buildah.save(reference, directory / "image.tar")
        prune(recipe.name)


def _lay_out(recipe: Recipe, context: Path) -> None:
    for name, source in recipe.inputs().items():
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
