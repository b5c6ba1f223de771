"""Measures, statistics, verdict and audits of a retrieval evaluation."""
