"""Simulated galaxies of particles: populations, star-formation histories and shapes."""
