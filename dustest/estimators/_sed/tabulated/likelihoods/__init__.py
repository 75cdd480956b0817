"""Likelihoods of photometry."""
