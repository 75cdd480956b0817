"""Simulated galaxies: populations, histories and shapes, as particles."""
