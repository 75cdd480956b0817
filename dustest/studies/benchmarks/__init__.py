"""A standard benchmark: fixed sets of galaxies, any estimator, and a card with its scores."""
