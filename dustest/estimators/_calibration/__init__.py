"""Correction of posteriors by galaxies with known truth, for every estimator."""
