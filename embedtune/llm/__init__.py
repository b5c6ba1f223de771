"""Calls to language models: providers, rate limits, retries, and a durable store of every answer."""
