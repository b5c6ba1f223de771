"""Render an evaluation as a page, as Markdown and as a model card."""
