"""Audits: defects that move the measures of an evaluation, each with its impact in points."""
