"""Which further files do the servers see, and which claims of devices do the pods hold?"""

from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import ApiModel, ObjectName, Passthrough, Rule, worded

VolumeName = Annotated[
    str,
    worded(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "this name must consist of lowercase letters, digits or '-', and must start and end with a "
        "letter or digit",
        max_length=63,
    ),
]
MountPath = Annotated[
    str,
    worded(
        r"^/[^/:]+(/[^/:]+)*$",
        "a mount path must be absolute, without ':' and without a trailing '/', for example "
        "/etc/templates",
        max_length=512,
    ),
]
_SOURCES = ("configMap", "secret", "persistentVolumeClaim", "emptyDir", "projected")


class PodVolume(ApiModel):
    """A further volume of the pods, as in a pod."""

    name: VolumeName = Field(description="Name of the volume.")
    config_map: Passthrough | None = Field(
        default=None, description="ConfigMap volume, as in a Pod's spec."
    )
    secret: Passthrough | None = Field(
        default=None, description="Secret volume, as in a Pod's spec."
    )
    persistent_volume_claim: Passthrough | None = Field(
        default=None, description="PersistentVolumeClaim volume, as in a Pod's spec."
    )
    empty_dir: Passthrough | None = Field(
        default=None, description="Temporary volume of the pod, as in a Pod's spec."
    )
    projected: Passthrough | None = Field(
        default=None, description="Projected volume with several sources, as in a Pod's spec."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{source})' for source in _SOURCES)}].filter(x, x).size() == 1",
            f"a volume must have exactly one of {', '.join(_SOURCES)}",
        ),
        Rule(
            "!(self.name in "
            "['cache', 'source', 'tmp', 'server-key', 'source-token', 'ca', 'helpers'])",
            "the names cache, source, tmp, server-key, source-token, ca and helpers are reserved "
            "for the operator: use another name",
        ),
    )

    @property
    def writable(self) -> bool:
        """True for scratch space; files of others are mounted read-only."""
        return self.empty_dir is not None


class VolumeMount(ApiModel):
    """Where the server sees a volume: read-only, but for an emptyDir."""

    name: VolumeName = Field(description="Name of the volume in spec.pod.volumes.")
    mount_path: MountPath = Field(
        description="Absolute path in the container at which the volume is mounted."
    )
    sub_path: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="Directory or file in the volume to mount instead of its root."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.mountPath.matches('^/(models|source|tmp|run|dev|proc|sys)(/.*)?$')",
            "/models, /source, /tmp, /run, /dev, /proc and /sys are reserved: use another path, "
            "for example under /etc or /mnt",
        ),
        Rule(
            "!self.mountPath.matches('(^|/)[.][.](/|$)') && "
            "(!has(self.subPath) || !self.subPath.matches('^/|(^|/)[.][.](/|$)'))",
            "mountPath and subPath must not contain '..', and subPath must be relative",
        ),
    )


class ResourceClaim(ApiModel):
    """Devices by dynamic resource allocation (DRA): one claim, or a template of one per pod."""

    resource_claim_name: ObjectName | None = Field(
        default=None,
        description="ResourceClaim in the same namespace, shared by all replicas.",
    )
    resource_claim_template_name: ObjectName | None = Field(
        default=None,
        description=(
            "ResourceClaimTemplate in the same namespace, from which each replica gets a claim of "
            "its own."
        ),
    )
    request: Annotated[str, Field(max_length=127)] | None = Field(
        default=None,
        description="Request within the claim to use. Defaults to all requests of the claim.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
            "exactly one of resourceClaimName and resourceClaimTemplateName must be set",
        ),
    )


class NamedResourceClaim(ResourceClaim):
    """A further claim, by its name in the pod."""

    name: VolumeName = Field(description="Name of the claim in the pod.")

    rules: ClassVar[tuple[Rule, ...]] = (
        *ResourceClaim.rules,
        Rule(
            "self.name != 'accelerator'",
            "the name accelerator is reserved for spec.accelerator.resourceClaim: use another name",
        ),
    )
