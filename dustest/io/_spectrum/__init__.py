"""Spectra in files: sources, columns and units."""
