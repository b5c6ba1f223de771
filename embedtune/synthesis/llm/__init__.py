"""Generate queries with a language model: prompts, replies, filters and relabelling."""
