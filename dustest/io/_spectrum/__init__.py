"""Reading of spectra: sources, columns and units."""
