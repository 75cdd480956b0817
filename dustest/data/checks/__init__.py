"""Checks of input: units, missing values, identifiers, positions, images."""
