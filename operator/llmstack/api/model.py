"""Which model is served, and where does it come from?"""

from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import ApiModel, LocalReference, Rule, Sha256

Source = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=r"^(hf|https?|pvc)://[^\s@]+(@[A-Za-z0-9][A-Za-z0-9._/-]*)?$",
        description=(
            "Where the GGUF file is: hf://owner/repo/file.gguf[@revision], https://host/file.gguf, "
            "http://host/file.gguf or pvc://claim/path/file.gguf. Of a split model, name the first "
            "part (…-00001-of-0000N.gguf). Credentials belong in secretRef, not in the address."
        ),
    ),
]
Alias = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
]


class ProjectorSpec(ApiModel):
    """Which multimodal projector goes with the model?"""

    source: Source
    sha256: Sha256 | None = Field(
        default=None, description="Expected SHA-256 of the projector file, in lower-case hex."
    )


class ModelSpec(ApiModel):
    """Which model is served?"""

    source: Source
    sha256: Sha256 | None = Field(
        default=None,
        description=(
            "Expected SHA-256 of the file named by source, in lower-case hex. Verified after the "
            "download; status.model.sha256 shows the sum either way."
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
    )
    mmproj: ProjectorSpec | None = Field(
        default=None, description="Multimodal projector (mmproj GGUF) for image or audio input."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.source.startsWith('pvc://') || self.source.matches('^pvc://[^/]+/.+')",
            "a pvc source is pvc://claim/path/to/file.gguf",
        ),
        Rule(
            "!self.source.startsWith('hf://') || self.source.matches('^hf://[^/]+/[^/]+/[^@]+')",
            "an hf source is hf://owner/repository/file.gguf, with @revision to pin it",
        ),
    )
