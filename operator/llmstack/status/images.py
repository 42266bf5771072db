"""Why can an image not be pulled?"""

import re

from llmstack.observed import Container, ContainerState

_PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)

# While the kubelet waits for its next try, it says so in front of the answer.
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: \w+: )?')


def pull_failure(container: Container) -> bool:
    """Return True if a container waits for an image that cannot be pulled."""
    return container.state is ContainerState.WAITING and container.reason in _PULL_REASONS


def registry_answer(container: Container) -> str:
    """Return the registry's error, or "" while the kubelet does not repeat it."""
    return _BACK_OFF.sub("", container.message).strip()
