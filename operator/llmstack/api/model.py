"""Which model is served, and where does it come from?"""

from typing import Annotated

from pydantic import Field

from llmstack.api.base import SET, ApiModel, LocalReference, Sha256, checked, worded
from llmstack.api.source_rules import SOURCE_RULES

Source = Annotated[
    str,
    Field(
        max_length=2048,
        description=(
            "Location of the GGUF file: hf://owner/repo/file.gguf[@revision], "
            "https://host/file.gguf, http://host/file.gguf or pvc://claim/path/file.gguf. For a "
            "split model, give the first part (…-00001-of-0000N.gguf). Percent-encode special "
            "characters in hf:// and pvc:// paths: %20 for a space, %40 for @, %25 for %. Put "
            "credentials in secretRef, not in the URL."
        ),
        json_schema_extra=checked(*SOURCE_RULES),
    ),
]
Alias = Annotated[
    str,
    worded(
        r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        "an alias must consist of letters, digits, '.', '_', ':', '/' or '-', and must start with "
        "a letter or digit",
        max_length=128,
    ),
]


class ProjectorSpec(ApiModel):
    """Multimodal projector of a model."""

    source: Source
    sha256: Sha256 | None = Field(
        default=None,
        description=(
            "Expected SHA-256 of the projector file, in hexadecimal, verified after the download."
        ),
    )


class ModelSpec(ApiModel):
    """Model to serve, and the names it is served under."""

    source: Source
    sha256: Sha256 | None = Field(
        default=None,
        description=(
            "Expected SHA-256 of the source file, in hexadecimal, verified after the download. "
            "status.model.sha256 shows the actual checksum whether or not this field is set."
        ),
    )
    secret_ref: LocalReference | None = Field(
        default=None,
        description=(
            "Secret with a bearer token for the source, under the key `token`. The token is sent "
            "only to the host of the source, never to a host it redirects to."
        ),
    )
    aliases: list[Alias] = Field(
        default_factory=list,
        max_length=16,
        description="Additional names that clients may use as `model` in a request.",
        json_schema_extra=SET,
    )
    mmproj: ProjectorSpec | None = Field(
        default=None,
        description="Multimodal projector (mmproj GGUF file), required for image or audio input.",
    )
