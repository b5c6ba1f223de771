"""Text as every part sees it: terms, languages, sentences, hashes."""
