"""LlmSession language models: providers, limits, retries, and a durable store of every answer."""
