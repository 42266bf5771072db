"""Which further files do the servers see, and which claims of devices do the pods hold?"""

from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import ApiModel, ObjectName, Passthrough, Rule, worded

VolumeName = Annotated[
    str,
    worded(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "a name here has lower-case letters, digits and '-', and begins and ends with a letter or "
        "digit",
        max_length=63,
    ),
]
MountPath = Annotated[
    str,
    worded(
        r"^/[^/:]+(/[^/:]+)*$",
        "a mount path is absolute, without ':' and without '/' at its end, for instance "
        "/etc/templates",
        max_length=512,
    ),
]
_SOURCES = ("configMap", "secret", "persistentVolumeClaim", "emptyDir", "projected")


class PodVolume(ApiModel):
    """A further volume of the pods, as in a pod."""

    name: VolumeName = Field(description="Name of the volume.")
    config_map: Passthrough | None = Field(default=None, description="Files of a ConfigMap.")
    secret: Passthrough | None = Field(default=None, description="Files of a Secret.")
    persistent_volume_claim: Passthrough | None = Field(
        default=None, description="Files of a PersistentVolumeClaim."
    )
    empty_dir: Passthrough | None = Field(default=None, description="Scratch space of the pod.")
    projected: Passthrough | None = Field(default=None, description="Files of several sources.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{source})' for source in _SOURCES)}].filter(x, x).size() == 1",
            f"a volume has one of {', '.join(_SOURCES)}",
        ),
        Rule(
            "!(self.name in "
            "['cache', 'source', 'tmp', 'server-key', 'source-token', 'ca', 'helpers'])",
            "volumes cache, source, tmp, server-key, source-token, ca and helpers are the "
            "operator's: choose another name",
        ),
    )

    @property
    def writable(self) -> bool:
        """True for scratch space; files of others are mounted read-only."""
        return self.empty_dir is not None


class VolumeMount(ApiModel):
    """Where the server sees a volume: read-only, but for an emptyDir."""

    name: VolumeName = Field(description="Name of the volume in spec.pod.volumes.")
    mount_path: MountPath = Field(description="Folder, or with subPath also file, in the server.")
    sub_path: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="Path within the volume to mount instead of its root."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.mountPath.matches('^/(models|source|tmp|run|dev|proc|sys)(/.*)?$')",
            "/models, /source, /tmp, /run, /dev, /proc and /sys are taken: mount elsewhere, for "
            "instance under /etc or /mnt",
        ),
        Rule(
            "!self.mountPath.matches('(^|/)[.][.](/|$)') && "
            "(!has(self.subPath) || !self.subPath.matches('^/|(^|/)[.][.](/|$)'))",
            "mountPath and subPath must not contain '..', and subPath is relative",
        ),
    )


class ResourceClaim(ApiModel):
    """Devices by dynamic resource allocation (DRA): one claim, or a template of one per pod."""

    resource_claim_name: ObjectName | None = Field(
        default=None, description="ResourceClaim of the same namespace, shared by all replicas."
    )
    resource_claim_template_name: ObjectName | None = Field(
        default=None, description="ResourceClaimTemplate; each replica gets a claim of its own."
    )
    request: Annotated[str, Field(max_length=127)] | None = Field(
        default=None, description="Request of the claim to use; by default all of them."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
            "a claim has either resourceClaimName or resourceClaimTemplateName: give one of them",
        ),
    )


class NamedResourceClaim(ResourceClaim):
    """A further claim, by its name in the pod."""

    name: VolumeName = Field(description="Name of the claim in the pod.")

    rules: ClassVar[tuple[Rule, ...]] = (
        *ResourceClaim.rules,
        Rule(
            "self.name != 'accelerator'",
            "the claim accelerator is that of spec.accelerator.resourceClaim: choose another name",
        ),
    )
