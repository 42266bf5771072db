"""What do the containers ask for?"""

from typing import Any

import pytest

from tests.unit.desired.samples import server

GPU = {"vendor": "nvidia", "count": 2}


@pytest.mark.parametrize(
    ("sentence", "spec", "requests", "limits"),
    [
        ("memory is estimated: the prompt cache and a base", {}, {"memory": "1536Mi"}, {}),
        (
            "a larger prompt cache is counted",
            {"engine": {"promptCacheMemory": "8Gi"}},
            {"memory": "8704Mi"},
            {},
        ),
        (
            "what the user asks for wins",
            {"engine": {"resources": {"requests": {"memory": "3Gi", "cpu": "2"}}}},
            {"memory": "3Gi", "cpu": "2"},
            {},
        ),
        (
            "a limit alone is also the request, so nothing is estimated above it",
            {"engine": {"resources": {"limits": {"memory": "1Gi"}}}},
            {},
            {"memory": "1Gi"},
        ),
        (
            "devices: limit and request are equal",
            {"accelerator": GPU},
            {"memory": "1536Mi", "nvidia.com/gpu": "2"},
            {"nvidia.com/gpu": "2"},
        ),
        (
            "of the named resource",
            {"accelerator": {"vendor": "nvidia", "resourceName": "nvidia.com/mig-1g.10gb"}},
            {"memory": "1536Mi", "nvidia.com/mig-1g.10gb": "1"},
            {"nvidia.com/mig-1g.10gb": "1"},
        ),
    ],
)
def test_the_server_asks_for(
    sentence: str, spec: dict[str, Any], requests: dict[str, str], limits: dict[str, str]
) -> None:
    resources = server(**spec)["resources"]
    assert resources["requests"] == requests, sentence
    assert resources.get("limits", {}) == limits, sentence
