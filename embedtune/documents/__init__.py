"""From what the user points at to passages: reading, headings, chunking, near-duplicates."""
