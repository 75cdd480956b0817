"""Stellar populations and star-formation histories behind the public functions."""
