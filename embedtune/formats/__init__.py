"""Readers and writers of the field's standard files."""
