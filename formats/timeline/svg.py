"""A timeline as a picture, SVG: a row for each worker, a bar for each span."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from seriatim.formats.timeline.rows import FAILURES, Bar, Drawn, stack

_LETTER: Final = 7
_WIDTH: Final = 1_000
_RIGHT: Final = 120
_LANE: Final = 16
_GAP: Final = 8
_TOP: Final = 48
_TICKS: Final = 5
_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""As Okabe and Ito have chosen them: people who see few colours tell them apart, too."""
_OTHER: Final = "#999999"
_RED: Final = "#c00000"
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Scale(NamedTuple):
    """Where times are in the picture.

    Attributes:
        left: where the window begins, in pixels.
        from_ms: the time there.
        to_ms: the time ``_WIDTH`` pixels to the right of it.
    """

    left: int
    from_ms: int
    to_ms: int

    def x(self, at_ms: int) -> float:
        return self.left + _WIDTH * (at_ms - self.from_ms) / (self.to_ms - self.from_ms)


def svg(drawn: Drawn, time_text: Callable[[int], str]) -> bytes:
    """Return the picture of *drawn*, a whole SVG document.

    Whatever names say, the document is well-formed: they are text in it, and no markup.

    Args:
        drawn: what there is to show.
        time_text: a time, of Unix milliseconds, for people.
    """
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "sans-serif"})
    root.set("font-size", "12")
    title = f"queue {drawn.queue}, {time_text(drawn.from_ms)} to {time_text(drawn.to_ms)}"
    _text(root, _GAP, 16, title)
    colours = dict(zip(drawn.types, _COLOURS, strict=False))
    left = max(map(len, drawn.workers), default=0) * _LETTER + 2 * _GAP
    scale = _Scale(left, drawn.from_ms, drawn.to_ms)
    y = _TOP
    for worker, bars in drawn.workers.items():
        lanes = stack(bars)
        _text(root, _GAP, y + 12, worker)
        for lane in lanes:
            for bar in lane:
                _bar(root, scale, bar, y, colours.get(bar.type, _OTHER), time_text)
            y += _LANE
        y += _GAP
    _axis(root, scale, y, time_text)
    y += _LANE + _GAP
    known = [*colours.items(), *([("other types", _OTHER)] if drawn.types[len(colours) :] else [])]
    for kind, colour in known:
        _rectangle(root, left, y, _LANE, colour)
        _text(root, left + _LANE + _GAP, y + 11, kind)
        y += _LANE
    root.set("viewBox", f"0 0 {left + _WIDTH + _RIGHT} {y + _GAP}")
    found: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return found


def _bar(
    root: Element,
    scale: _Scale,
    bar: Bar,
    y: int,
    colour: str,
    time_text: Callable[[int], str],
) -> None:
    """Draw *bar*; pointed at, it says what it is."""
    x = scale.x(bar.began_ms)
    drawing = _rectangle(root, x, y, max(scale.x(bar.ended_ms) - x, 1), colour)
    if bar.how in FAILURES:
        drawing.set("stroke", _RED)
        drawing.set("stroke-width", "2")
    if bar.is_open or bar.is_early:
        drawing.set("opacity", "0.6")
    began = "began before" if bar.is_early else time_text(bar.began_ms)
    ended = "had not ended" if bar.is_open else time_text(bar.ended_ms)
    how = " ".join(filter(None, (bar.how, bar.code)))
    said = f"{bar.job} ({bar.type}): {began} to {ended} {how}".strip()
    SubElement(drawing, "title").text = _legal(said)


def _axis(root: Element, scale: _Scale, y: int, time_text: Callable[[int], str]) -> None:
    for tick in range(_TICKS):
        at_ms = scale.from_ms + (scale.to_ms - scale.from_ms) * tick // (_TICKS - 1)
        x = f"{scale.x(at_ms):.1f}"
        line = {"x1": x, "x2": x, "y1": str(_TOP - _GAP), "y2": str(y), "stroke": "#dddddd"}
        SubElement(root, "line", line)
        _text(root, float(x), _TOP - _GAP - 2, time_text(at_ms)).set("text-anchor", "middle")


def _rectangle(root: Element, x: float, y: int, width: float, colour: str) -> Element:
    said = {"x": f"{x:.1f}", "y": str(y), "width": f"{width:.1f}", "height": str(_LANE - 2)}
    return SubElement(root, "rect", {**said, "fill": colour})


def _text(root: Element, x: float, y: int, text: str) -> Element:
    element = SubElement(root, "text", {"x": f"{x:.1f}", "y": str(y)})
    element.text = _legal(text)
    return element


def _legal(text: str) -> str:
    """Return *text* without characters that no XML may have."""
    return _NO_XML.sub("\ufffd", text)
