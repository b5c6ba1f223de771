"""The report of an evaluation: its figures are gathered here as plain data, and written as page, Markdown and JSON."""
