"""Emission of particle galaxies: stars, gas and the dust in front of them."""
