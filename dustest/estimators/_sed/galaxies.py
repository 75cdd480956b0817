"""Galaxies of a batch as records of what SED fits can use."""

import numpy as np

from dustest.estimators._sed.bagpipes.nested_sampling import clean_spectrum
from dustest.estimators._sed.posterior import Galaxy, Limits
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity

__all__ = ["usable_data", "without_limits", "without_spectra"]

_MIN_BANDS = 2
_LEAST, _MOST = 1e-60, 1e60
"""Limits in nJy between which squares of fluxes and errors are within double precision."""


def without_spectra(batch):
    """Make a batch with photometry alone.

    Parameters
    ----------
    batch : Batch
        Galaxies.

    Returns
    -------
    Batch
        Without spectra.
    """
    names = ("wavelength", "spectrum_flux", "spectrum_flux_err")
    return batch.changed(**{name: getattr(batch, name)[:, :0] for name in names})


def without_limits(batch):
    """Make a batch without upper limits, which Bagpipes does not take.

    Parameters
    ----------
    batch : Batch
        Galaxies.

    Returns
    -------
    Batch
        With measured fluxes alone.
    """
    return batch.changed(flux_limit=np.full(batch.flux.shape, np.nan))


def usable_data(batch, row, sed_wavelength):
    """Select what a fit can use of one galaxy.

    Bagpipes never returns from values that are not finite or errors that are not positive.

    Parameters
    ----------
    batch : Batch
        Galaxies.
    row : int
        Number of the galaxy.
    sed_wavelength : ndarray or None
        Observed wavelengths [Angstrom] of the spectrum of its best model.

    Returns
    -------
    Galaxy or None
        None if less than two bands, one of them measured, and no spectrum can be used.

    Raises
    ------
    RuntimeError
        If a flux or an error is beyond what a computer can square.
    """
    flux, error = batch.flux[row], batch.flux_err[row]
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    _refuse_overflow(batch.bands, flux, error, good)
    spectrum = clean_spectrum(
        batch.wavelength[row], batch.spectrum_flux[row], batch.spectrum_flux_err[row]
    )
    limits = _usable_limits(batch, row, good)
    if spectrum is None and (not good.any() or good.sum() + len(limits.bands) < _MIN_BANDS):
        return None
    return Galaxy(
        redshift=float(batch.redshift[row]),
        redshift_err=float(batch.redshift_err[row]),
        bands=tuple(band for band, use in zip(batch.bands, good, strict=True) if use),
        flux=flux[good],
        flux_err=error[good],
        spectrum=spectrum,
        seed=int(batch.seed[row]),
        sed_wavelength=sed_wavelength,
        redshift_density=_density(batch, row),
        limits=limits,
    )


def _refuse_overflow(bands, flux, error, good):
    """Raise an error for fluxes and errors that no galaxy has."""
    too_far = good & ((np.abs(flux) > _MOST) | (error > _MOST) | (error < _LEAST))
    for number in np.flatnonzero(too_far):
        msg = (
            f"the flux in {bands[number]} must be that of a galaxy, got {flux[number]:.3g} +- "
            f"{error[number]:.3g} nJy: check its unit, or mask it"
        )
        raise RuntimeError(msg)


def _usable_limits(batch, row, measured):
    """Upper limits of one galaxy in the bands without a measurement."""
    error = batch.flux_limit[row]
    use = np.isfinite(error) & (error > 0) & ~measured
    if not use.any():
        return Limits()
    bands = tuple(band for band, used in zip(batch.bands, use, strict=True) if used)
    return Limits(bands, (error * batch.flux_limit_sigma[row])[use], error[use])


def _density(batch, row):
    """Probability density of the redshift of one galaxy, None if it has none."""
    if batch.redshift_density.size:
        found = RedshiftDensity.of_grid(batch.redshift_grid[row], batch.redshift_density[row])
        if found is not None:
            return found
    return RedshiftDensity.of_samples(batch.redshift_samples[row])
