"""Galaxies of a batch as records of what SED fits can use."""

from functools import cache

import numpy as np

from dustest.data.lines import LINES
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import clean_spectrum
from dustest.estimators._sed.posterior import Galaxy, Limits, Lines
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.estimators._sed.tabulated.light.channels import nearest_line

__all__ = ["LAST_ABSORBED", "usable_data", "without_limits"]

_MIN_BANDS = 2
_LYMAN_ALPHA = 1216.0
"""Angstrom in the rest frame; lines up to here are scattered."""
LAST_ABSORBED = 1280.0
"""Angstrom in the rest frame, where the damping wing of neutral gas ends."""
_LEAST, _MOST = 1e-60, 1e60
"""Limits in nJy between which squares of fluxes and errors are within double precision."""


def without_limits(batch):
    """Make a batch without upper limits and lines, which Bagpipes does not take here.

    Parameters
    ----------
    batch : Batch
        Galaxies.

    Returns
    -------
    Batch
        With measured fluxes and spectra alone.
    """
    none = {name: getattr(batch, name)[:, :0] for name in ("line", "line_err", "line_limit")}
    limits = np.full(batch.flux.shape, np.nan)
    return batch.changed(flux_limit=limits, lines=(), **none)


def usable_data(batch, row, sed_wavelength, lyman_alpha="mask"):
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
    lyman_alpha : {"mask", "model"}, optional
        Whether pixels of the spectrum up to the damping wing of Lyman alpha are left out.

    Returns
    -------
    Galaxy or None
        None if less than two bands or lines, one of them measured, and no spectrum can be used.

    Raises
    ------
    RuntimeError
        If a flux or an error is beyond what a computer can square.
    """
    flux, error = batch.flux[row], batch.flux_err[row]
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    _refuse_overflow(batch.bands, flux, error, good)
    spectrum = _usable_spectrum(batch, row, lyman_alpha)
    limits, lines = _usable_limits(batch, row, good), _usable_lines(batch, row)
    n_measured = good.sum() + len(lines.names)
    n_used = n_measured + len(limits.bands) + len(lines.limits.bands)
    if spectrum is None and (not n_measured or n_used < _MIN_BANDS):
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
        lines=lines,
    )


def _usable_spectrum(batch, row, lyman_alpha):
    """The spectrum of one galaxy, without the pixels that the intergalactic medium may absorb."""
    wavelength = batch.wavelength[row]
    if not wavelength.size:
        return None
    error = batch.spectrum_flux_err[row]
    if lyman_alpha == "mask":
        absorbed = wavelength < LAST_ABSORBED * (1.0 + batch.redshift[row])
        error = np.where(absorbed, np.nan, error)
    return clean_spectrum(wavelength, batch.spectrum_flux[row], error)


def _usable_lines(batch, row):
    """Lines of one galaxy that the models have."""
    if not batch.lines:
        return Lines()
    modelled = np.array([_is_modelled(name) for name in batch.lines])
    flux, error, limit = batch.line[row], batch.line_err[row], batch.line_limit[row]
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0) & modelled
    limited = np.isfinite(limit) & (limit > 0) & ~good & modelled
    names, used = np.array(batch.lines), np.nan_to_num(batch.line_limit_sigma[row])
    limits = Limits(tuple(names[limited].tolist()), (limit * used)[limited], limit[limited])
    return Lines(tuple(names[good].tolist()), flux[good], error[good], limits)


@cache
def _is_modelled(name):
    """Whether models have a line, which is not scattered."""
    if LINES[name].wavelength < _LYMAN_ALPHA:
        return False
    return nearest_line(name, load_bagpipes().config.line_wavs) is not None


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
