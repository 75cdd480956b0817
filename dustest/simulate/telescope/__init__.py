"""What a telescope records: PSF, pixels, noise, spectra."""
