"""Checks of a sample before SED fits: warnings of what is not fitted as requested."""

import warnings

import numpy as np

from dustest.data.checks.units import FLUX_UNIT
from dustest.data.errors import DustestWarning, InputError

__all__ = [
    "refuse_densities",
    "warn_of_fixed_redshifts",
    "warn_of_spectra",
    "without_data",
]

_DENSITIES = ("redshift_density", "redshift_samples")
"""Columns with a probability density of the redshift, in order of preference."""
_OF_PRIOR = ("id", "redshift", "magnification")
"""Beginnings of the columns on which the prior of a galaxy depends."""
_NO_INFORMATION = 1e15
"""Error of the fluxes in nJy of a galaxy without data."""
_CALLER = 5
"""Level in the stack of who called ``estimate``, counted from a warning here."""


def _warn(msg):
    """Warn the caller of ``estimate``."""
    warnings.warn(msg, DustestWarning, stacklevel=_CALLER + 1)


def warn_of_fixed_redshifts(sample):
    """Warn of galaxies whose redshift has no error, and therefore no prior.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Warns
    -----
    DustestWarning
        If there are some.
    """
    errors = sample["redshift_err"] if "redshift_err" in sample.colnames else np.nan
    free = (errors > 0) & np.isfinite(errors)
    if "redshift_density" in sample.colnames:
        density = np.asarray(sample["redshift_density"])
        free |= np.all(np.isfinite(density), axis=1) & np.any(density > 0, axis=1)
    if "redshift_samples" in sample.colnames:
        free |= np.any(np.isfinite(sample["redshift_samples"]), axis=1)
    n_fixed = np.count_nonzero(np.isfinite(sample["redshift"]) & ~free)
    if n_fixed:
        _warn(
            f"redshift='free' needs the column redshift_err, or {' or '.join(_DENSITIES)}: "
            f"{n_fixed} of {len(sample)} galaxies have no error above 0 and no density, and their "
            "redshift is kept fixed"
        )


def refuse_densities(sample):
    """Raise an error for densities of the redshift, which Bagpipes does not take as priors.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Raises
    ------
    InputError
        If it has some.
    """
    names = [name for name in _DENSITIES if name in sample.colnames]
    if names:
        msg = (
            f"Bagpipes has no prior like the column {' and '.join(names)}: take "
            "engine='tabulated' without escalate, or remove it from the sample, so that the "
            "prior is a Gaussian of redshift_err"
        )
        raise InputError(msg)


def warn_of_spectra(sample):
    """Warn of spectra that the tables leave out.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Raises
    ------
    InputError
        If it has nothing else.

    Warns
    -----
    DustestWarning
        If it has spectra.
    """
    if "spectrum_flux" not in sample.colnames:
        return
    if not sample.bands:
        msg = (
            "engine='tabulated' fits photometry, but the sample has spectra alone: add "
            "columns flux_<BAND> and flux_err_<BAND>, or take engine='bagpipes'"
        )
        raise InputError(msg)
    _warn(
        "engine='tabulated' fits photometry and leaves the spectra of the sample out; "
        "engine='bagpipes' fits both"
    )


def without_data(sample):
    """Make galaxies whose photometry has no information.

    Parameters
    ----------
    sample : GalaxySample
        Galaxies with photometry.

    Returns
    -------
    GalaxySample
        The same, with errors beyond any flux.

    Raises
    ------
    InputError
        If there is no photometry.
    """
    if not sample.bands:
        msg = "sample_prior needs photometry: add columns flux_<BAND> and flux_err_<BAND>"
        raise InputError(msg)
    blind = sample[[name for name in sample.colnames if name.startswith(_OF_PRIOR)]]
    for band in sample.bands:
        blind[f"flux_{band}"] = np.zeros(len(sample)) << FLUX_UNIT
        blind[f"flux_err_{band}"] = np.full(len(sample), _NO_INFORMATION) << FLUX_UNIT
    return blind
