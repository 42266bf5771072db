"""docs/settings.md: which variables does each role read?"""

from __future__ import annotations

from llmstack.settings.fetch import FetchSettings
from llmstack.settings.gateway import GatewaySettings
from llmstack.settings.lease import LeaseSettings
from llmstack.settings.limits import Limits
from llmstack.settings.metrics_api import MetricsSettings
from llmstack.settings.operator import OperatorSettings, ServerImages
from llmstack.settings.setting import Setting, settings_of

PARTS: dict[str, tuple[type, ...]] = {
    "operator": (OperatorSettings, ServerImages, LeaseSettings, MetricsSettings),
    "gateway": (GatewaySettings,),
    "limits": (Limits,),
    "fetch": (FetchSettings,),
}


def known(part: str) -> list[Setting]:
    """The settings of one block of the page."""
    return [each for cls in PARTS[part] for each in settings_of(cls)]


def table(part: str) -> str:
    """The rows of one block."""
    rows = [f"| `{each.name}` | {_default(each)} | {each.meaning} |" for each in known(part)]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def _default(setting: Setting) -> str:
    plain = setting.shown in ("required", "none", "all") or "`" in setting.shown
    return setting.shown if plain else f"`{setting.shown}`"
