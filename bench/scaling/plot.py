"""How do the cases become a plot? p50 and p95 of the wait against replica-hours, as SVG."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.scaling.candidates import SWEPT
from bench.scaling.sweep import OURS, Case

_COLOURS = {
    OURS: "#d62728",
    SWEPT: "#ff7f0e",
    "LLMKube": "#1f77b4",
    "KubeAI": "#2ca02c",
    "GPU percentage": "#9467bd",
}
_WIDTH, _HEIGHT = 230, 170
_LEFT, _TOP = 50, 60
_PAD = 34
_TICKS = (0.1, 1, 10, 100, 600)
"""Seconds, on a logarithmic scale; less than the first is drawn at the first."""


@dataclass(frozen=True)
class _Panel:
    """Where one case is drawn; `hours` at its right edge."""

    x: float
    y: float
    hours: float

    def at(self, hours: float, wait: float) -> tuple[float, float]:
        lowest, highest = math.log(_TICKS[0]), math.log(_TICKS[-1])
        share = (math.log(min(max(wait, _TICKS[0]), _TICKS[-1])) - lowest) / (highest - lowest)
        height = _HEIGHT - _PAD
        width = _WIDTH - _PAD
        return self.x + width * hours / self.hours, self.y + height * (1 - share)


def svg(cases: Sequence[Case]) -> str:
    """One panel a case: a row for each trace, a column for each load time."""
    traces = list(dict.fromkeys(case.trace for case in cases))
    loads = list(dict.fromkeys(case.load_seconds for case in cases))
    width = _LEFT + _WIDTH * len(loads) + 10
    height = _TOP + _HEIGHT * len(traces) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="10">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_legend(),
    ]
    for case in cases:
        column, row = loads.index(case.load_seconds), traces.index(case.trace)
        most = max(
            line.result.hours for each in cases if each.trace == case.trace for line in each.lines
        )
        panel = _Panel(_LEFT + _WIDTH * column, _TOP + _HEIGHT * row + 14, 1.08 * most)
        parts += _axes(panel, case) + _points(panel, case)
    return "\n".join([*parts, "</svg>\n"])


def _legend() -> list[str]:
    parts = [
        _text(_LEFT, 16, "Wait for a slot in seconds (hollow p50, filled p95) over replica-hours;"),
        _text(_LEFT, 29, "large: at no more hours than ours where there is such; small: fastest."),
    ]
    for index, (name, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 120 * index
        parts.append(f'<circle cx="{x + 4}" cy="42" r="4" fill="{colour}"/>')
        parts.append(_text(x + 12, 46, name))
    return parts


def _axes(panel: _Panel, case: Case) -> list[str]:
    parts = [_text(panel.x, panel.y - 4, f"{case.trace}, load time {case.load_seconds} s")]
    right = panel.x + _WIDTH - _PAD
    for tick in _TICKS:
        _, y = panel.at(0, tick)
        parts.append(f'<line x1="{panel.x}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
        label = f"≤ {tick:g}" if tick == _TICKS[0] else f"{tick:g}"
        parts.append(_text(panel.x - 4, y + 3, label, "end"))
    step = 1 if panel.hours < 6 else 4
    for hours in range(0, int(panel.hours) + 1, step):
        x, y = panel.at(hours, _TICKS[0])
        parts.append(_text(x, y + 12, str(hours), "middle"))
    return parts


def _points(panel: _Panel, case: Case) -> list[str]:
    parts = []
    for line in (line for line in case.lines if line.role != "shipped"):
        colour = _COLOURS[line.contender]
        radius = 2.5 if line.role.startswith("fastest") else 4
        x, low = panel.at(line.result.hours, line.result.p50)
        _, high = panel.at(line.result.hours, line.result.p95)
        title = f"{line.contender}, {line.parameters} ({line.role})"
        parts += [
            f"<g><title>{html.escape(title)}</title>",
            f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="{colour}"/>',
            f'<circle cx="{x:.1f}" cy="{low:.1f}" r="{radius}" fill="white" stroke="{colour}"/>',
            f'<circle cx="{x:.1f}" cy="{high:.1f}" r="{radius}" fill="{colour}"/></g>',
        ]
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
