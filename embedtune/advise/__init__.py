"""Advice before training: what is worth doing with a corpus, by measurement on a sample."""
