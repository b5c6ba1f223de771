"""Analyse text: terms, languages, sentences and hashes."""
