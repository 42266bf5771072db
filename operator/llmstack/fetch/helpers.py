"""How do the server's helpers get into a pod whose image lacks them?"""

import shutil
from pathlib import Path

from llmstack.api import reasons
from llmstack.errors import FetchError

HELPERS = Path("/opt/llmstack-helpers")
"""Where the operator's image has the helpers of images/llama-server, and a static busybox."""


def bring_helpers(target: Path, source: Path = HELPERS) -> None:
    """Copy the helpers into the folder `target`. Raises FetchError if they cannot be copied."""
    try:
        for file in source.iterdir():
            shutil.copy(file, target)
    except OSError as error:
        raise FetchError(
            reasons.FETCH_FAILED,
            f"the helpers of llama-server cannot be copied: {error}",
        ) from error
