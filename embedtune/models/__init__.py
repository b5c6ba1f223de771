"""Embedding models: locate, inspect, load, encode, quantise, adapt and merge them."""
