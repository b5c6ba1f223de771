"""Queries written by a language model: prompts, replies, filters, relabelling."""
