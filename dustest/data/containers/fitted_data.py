"""Names of the columns of results with the data that were fitted."""

__all__ = ["FITTED_FLUXES", "FITTED_REDSHIFT", "FITTED_SPECTRUM", "MODEL_SPECTRUM", "POWER_LAW"]

FITTED_REDSHIFT = "fitted_redshift"
FITTED_FLUXES = ("fitted_flux_{}", "fitted_flux_err_{}")
"""Flux and error in a band, whose name is to be filled in."""
FITTED_SPECTRUM = ("fitted_wavelength", "fitted_spectrum", "fitted_spectrum_err")
"""Observed wavelength, flux density and error of the pixels of a spectrum."""
MODEL_SPECTRUM = "SED"
"""Flux densities of the best model at the wavelengths of spectra of models."""
POWER_LAW = "power_law_1600"
"""Flux density of a fitted power law at 1600 Angstrom in the rest frame."""
