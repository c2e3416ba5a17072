"""Line charts as SVG text: axes, ticks, a legend. No more than the pages of docs/ need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 540, 300, 58, 100, 30, 44
COLOURS = ("#1f5fa8", "#c2410c", "#15803d", "#7c3aed", "#b45309", "#0e7490", "#be123c", "#525252")
#: Recorded days are dashed.
DASHED = "5,3"


def chart(
    title: str, x_name: str, y_name: str, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, log: str =
    "", dashed: Sequence[str] = (),
) -> str:  # fmt: skip
    """One chart. lines: {label: (x, y)}, points that are not finite (or not above 0 on a logarithmic axis) are left
    out.

    log: "", "x", "y" or "xy"; dashed: labels that are drawn so.
    """
    kept = {}
    for label, (xs, ys) in lines.items():
        points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        kept[label] = [
            (x, y)
            for x, y in points
            if math.isfinite(x) and math.isfinite(y) and ("x" not in log or x > 0) and ("y" not in log or y > 0)
        ]
    every = [point for points in kept.values() for point in points]
    if not every:
        raise ValueError(f"nothing to draw in {title!r}")
    across = _Axis([x for x, _ in every], LEFT, WIDTH - RIGHT, "x" in log)
    up = _Axis([y for _, y in every], HEIGHT - BOTTOM, TOP, "y" in log)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="13" font-weight="bold">{escape(title)}</text>',
    ]
    for value in across.ticks:
        x = across.at(value)
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{value:g}</text>')
    for value in up.ticks:
        y = up.at(value)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(
        f'<text x="13" y="{middle}" text-anchor="middle" transform="rotate(-90 13 {middle})">{escape(y_name)}</text>'
    )
    for place, (label, points) in enumerate(kept.items()):
        colour, dash = COLOURS[place % len(COLOURS)], f' stroke-dasharray="{DASHED}"' if label in dashed else ""
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        y = TOP + 8 + 13 * place
        out.append(
            f'<line x1="{WIDTH - 92}" y1="{y}" x2="{WIDTH - 72}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        out.append(f'<text x="{WIDTH - 68}" y="{y + 4}">{escape(label)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


class _Axis:
    """Values to places, with round ticks."""

    def __init__(self, values: Sequence[float], start: float, end: float, is_log: bool) -> None:
        self.is_log = is_log
        low, high = min(values), max(values)
        if is_log:
            low, high = math.log10(low), math.log10(high)
        if high - low < 1e-12:
            low, high = low - 0.5, high + 0.5
        if is_log:
            decades = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
            every = [1, 2, 5] if high - low < 2 else [1]
            self.ticks = [k * 10.0**d for d in range(math.floor(low), math.floor(high) + 1) for k in every]
            self.ticks = [t for t in self.ticks if low - 1e-9 <= math.log10(t) <= high + 1e-9] or [
                10.0**d for d in decades
            ]
        else:
            pad = 0.04 * (high - low)
            low, high = low - pad, high + pad
            step = 10.0 ** math.floor(math.log10((high - low) / 4))
            step *= min((m for m in (1, 2, 2.5, 5, 10) if (high - low) / (m * step) <= 6), default=10)
            self.ticks = [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        self.low, self.high, self.start, self.end = low, high, start, end

    def at(self, value: float) -> float:
        place = math.log10(value) if self.is_log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)
