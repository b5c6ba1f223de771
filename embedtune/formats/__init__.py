"""Readers and writers of BEIR, TREC and LlamaIndex files."""
