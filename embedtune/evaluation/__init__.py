"""Measures, dev retrieval and tables."""
