"""Plots of lines with logarithmic axes, as SVG files without any library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 130, 40, 50
#: Colours that people tell apart whatever their sight (Okabe and Ito), dark first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

#: Points (x, y) of one line.
Line = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Lines by their names; `x` and `y` say what the axes show. All numbers are positive."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Line]

    def write(self, file: Path) -> None:
        """Write it as SVG."""
        file.write_text(self.svg())

    def svg(self) -> str:
        """The picture as text."""
        points = [point for line in self.lines.values() for point in line]
        across = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
        up = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
                ' font-family="sans-serif" font-size="12">'
            ),
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            _text(WIDTH / 2, 20, self.title, "middle", "bold"),
            _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, self.x, "middle"),
            f'<g transform="translate(14 {HEIGHT / 2}) rotate(-90)">'
            + _text(0, 0, self.y, "middle")
            + "</g>",
        ]
        for x in across.ticks:
            at = across.place(x)
            parts.append(_rule(at, TOP, at, HEIGHT - BOTTOM))
            parts.append(_text(at, HEIGHT - BOTTOM + 18, _number(x), "middle"))
        for y in up.ticks:
            at = up.place(y)
            parts.append(_rule(LEFT, at, WIDTH - RIGHT, at))
            parts.append(_text(LEFT - 8, at + 4, _number(y), "end"))
        for number, (name, line) in enumerate(self.lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            places = [(across.place(x), up.place(y)) for x, y in line]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places
            ]
            at = TOP + 10 + 18 * number
            parts.append(f'<circle cx="{WIDTH - RIGHT + 16}" cy="{at - 4}" r="4" fill="{colour}"/>')
            parts.append(_text(WIDTH - RIGHT + 26, at, name, "start"))
        return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Where numbers lie between two places, and which of them are named: 1, 2, 5, 10, ...

    It begins and ends with a named number, so that every picture shows its scale.
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        named = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        first = max(value for value in named if value <= low)
        last = min(value for value in named if value >= high and value > first)
        self.ticks = [value for value in named if first <= value <= last]
        self._low, self._high = math.log10(first), math.log10(last)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where the number lies."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)


def _number(value: float) -> str:
    return f"{value:g}" if value < 10_000 else f"{value:,.0f}".replace(",", " ")


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'
