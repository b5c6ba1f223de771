"""Read documents, split them into passages, and find near-duplicates."""
