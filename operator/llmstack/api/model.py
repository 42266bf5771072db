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
            "Where the GGUF file is: hf://owner/repo/file.gguf[@revision], https://host/file.gguf, "
            "http://host/file.gguf or pvc://claim/path/file.gguf. Of a split model, name the first "
            "part (…-00001-of-0000N.gguf). Names of a hub or a claim are percent-encoded: %20 is a "
            "space, %40 an @, %25 a percent sign. Credentials belong in secretRef, not in the "
            "address."
        ),
        json_schema_extra=checked(*SOURCE_RULES),
    ),
]
Alias = Annotated[
    str,
    worded(
        r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        "an alias has letters, digits, '.', '_', ':', '/' and '-', and begins with a letter or "
        "digit",
        max_length=128,
    ),
]


class ProjectorSpec(ApiModel):
    """Which multimodal projector goes with the model?"""

    source: Source
    sha256: Sha256 | None = Field(
        default=None, description="Expected SHA-256 of the projector file, in hexadecimal digits."
    )


class ModelSpec(ApiModel):
    """Which model is served?"""

    source: Source
    sha256: Sha256 | None = Field(
        default=None,
        description=(
            "Expected SHA-256 of the file named by source, in hexadecimal digits. Verified after "
            "the download; status.model.sha256 shows the sum either way."
        ),
    )
    secret_ref: LocalReference | None = Field(
        default=None,
        description="Secret whose key `token` is sent as bearer token to the source's own host.",
    )
    aliases: list[Alias] = Field(
        default_factory=list,
        max_length=16,
        description="Further names that clients may send as `model`.",
        json_schema_extra=SET,
    )
    mmproj: ProjectorSpec | None = Field(
        default=None, description="Multimodal projector (mmproj GGUF) for image or audio input."
    )
