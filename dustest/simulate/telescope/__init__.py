"""Observations: point-spread functions, images, noise, spectra."""
