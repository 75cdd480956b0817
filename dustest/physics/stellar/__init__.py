"""Stellar populations and star-formation histories: private parts of the public modules."""
