"""Does the page about the gateway's configuration name what there is, and nothing else?"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from llmstack.gateway.config_schema import (
    BackendPart,
    ConfigPart,
    CorsPart,
    ModelPart,
    PeersPart,
    parse,
)
from llmstack.gateway.config_schema import QueuePart as Queue

PAGE = (Path(__file__).parents[3] / "docs" / "gateway-config.md").read_text()
PARTS: list[tuple[str, type[BaseModel]]] = [
    ("", ConfigPart),
    ("cors.", CorsPart),
    ("peers.", PeersPart),
    ("models[].", ModelPart),
    ("models[].backends[].", BackendPart),
    ("models[].queue.", Queue),
]
NESTED = {"cors", "peers", "models[].backends", "models[].queue"}


def rows(heading: str) -> dict[str, str]:
    """Name and default of each row of the tables under a heading."""
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", section, re.MULTILINE))


def test_the_example_can_be_read() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(parse(example, "example").models[0].backends) == 2


def test_every_field_of_the_file_is_explained() -> None:
    fields = {
        f"{prefix}{field.alias}" for prefix, part in PARTS for field in part.model_fields.values()
    }
    assert set(rows("With a file")) == fields - NESTED
