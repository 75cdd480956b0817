"""Distributions of quantities in samples of galaxies, from the posteriors of all galaxies."""
