"""Slides (pptx): title, text, tables, charts and notes of each slide, by python-pptx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.files import Unreadable, open_archive
from embedtune.documents.readers.tables import describe, describe_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

_WHAT = "a PowerPoint presentation"


def read_slides(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a presentation; each slide is a page, its title a heading."""
    from pptx import Presentation

    with open_archive(path, _WHAT, limits) as archive:
        if "ppt/presentation.xml" not in archive.namelist():
            raise Unreadable(f"not {_WHAT}: a zip archive without ppt/presentation.xml")
    slides = Presentation(str(path)).slides
    if len(slides) > limits.max_pages:
        raise Unreadable(f"too many slides: {len(slides):,}, the limit is {limits.max_pages:,}")
    builder = TextBuilder(limits.max_chars)
    for slide in slides:
        builder.page()
        _add_slide(builder, slide)
    return builder.build(name)


def _add_slide(builder: TextBuilder, slide: Any) -> None:
    title = slide.shapes.title
    has_title = title is not None and bool(title.text_frame.text.strip())
    if has_title:
        builder.heading(1, title.text_frame.text)
    for shape in _in_reading_order(slide.shapes):
        if not (has_title and shape.shape_id == title.shape_id):
            _add_shape(builder, shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        builder.block(slide.notes_slide.notes_text_frame.text)


def _in_reading_order(shapes: Any) -> Iterator[Any]:
    """Yield shapes from top to bottom and left to right; those within a group stay together."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if hasattr(shape, "shapes"):
            yield from _in_reading_order(shape.shapes)
        else:
            yield shape


def _add_shape(builder: TextBuilder, shape: Any) -> None:
    if shape.has_text_frame:
        builder.block(shape.text_frame.text)
    elif shape.has_table:
        for line in describe_table([[cell.text for cell in row.cells] for row in shape.table.rows]):
            builder.block(line)
    elif shape.has_chart:
        _add_chart(builder, shape.chart)


def _add_chart(builder: TextBuilder, chart: Any) -> None:
    """Add a chart as the table it was drawn from."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.block(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        names = ["", *(series.name or "" for series in plot.series)]
        values = [list(series.values) for series in plot.series]
        for number, category in enumerate(plot.categories):
            row = [str(category), *(_number(value[number]) for value in values if number < len(value))]
            builder.block(describe(names, row))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
