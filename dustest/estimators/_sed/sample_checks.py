"""Checks of a sample before SED fits: warnings of what is not fitted as requested."""

import warnings
from collections.abc import Mapping

import numpy as np

from dustest.data.checks.units import FLUX_UNIT
from dustest.data.errors import DustestWarning, InputError
from dustest.data.kinds import find_column
from dustest.data.messages import shown
from dustest.estimators._sed.data_corrections import values_by_band
from dustest.estimators._sed.far_infrared import far_infrared_bands, is_cold
from dustest.estimators._sed.galaxies import LAST_ABSORBED
from dustest.estimators._sed.priors.defaults import MAX_REDSHIFT
from dustest.estimators._sed.priors.prior_density import ANY_BANDS
from dustest.estimators._sed.priors.redshift_density import usable_draws

__all__ = [
    "refuse_densities",
    "refuse_of_photometry",
    "warn_of_draws",
    "warn_of_far_infrared",
    "warn_of_fixed_redshifts",
    "warn_of_lines",
    "warn_of_masked_spectra",
    "warn_of_unknown_bands",
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
        draws = usable_draws(sample["redshift_samples"])
        free |= np.fmax.reduce(draws, axis=1) > np.fmin.reduce(draws, axis=1)
    n_fixed = np.count_nonzero(np.isfinite(sample["redshift"]) & ~free)
    if n_fixed:
        _warn(
            f"redshift='free' needs the column redshift_err, or {' or '.join(_DENSITIES)}: "
            f"{n_fixed} of {len(sample)} galaxies have no error above 0, no density above 0 "
            "without NaN and no two different draws above 0, and their redshift is kept fixed"
        )


def warn_of_draws(sample):
    """Warn of draws of the redshift that no model has.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Warns
    -----
    DustestWarning
        If some are not above 0, or beyond the highest redshift of the models.
    """
    if "redshift_samples" not in sample.colnames:
        return
    draws = np.ma.filled(np.ma.asarray(sample["redshift_samples"]), np.nan)
    beyond = np.any((draws <= 0.0) | (draws > MAX_REDSHIFT), axis=1)
    if beyond.any():
        _warn(
            f"redshift_samples must be above 0 and at most {MAX_REDSHIFT:g}, got others for "
            f"{np.count_nonzero(beyond)} of {len(sample)} galaxies: the priors of their redshifts "
            "end there"
        )


def warn_of_unknown_bands(sample, **by_band):
    """Warn of parameters that name bands which the sample lacks.

    Parameters
    ----------
    sample : GalaxySample
        The sample.
    **by_band : object
        Parameters by name; those that are no mapping of bands are left out.

    Warns
    -----
    DustestWarning
        If one names such bands.
    """
    for name, values in by_band.items():
        given = values_by_band(name, values) if isinstance(values, Mapping) else ()
        lacking = [band for band in given if band not in sample.bands]
        if lacking:
            _warn(
                f"{name} has no effect on {shown(lacking)}, which the sample does not have: its "
                f"bands are {shown(sample.bands) or 'none'}"
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


def refuse_of_photometry(sample, **chosen):
    """Raise an error for parameters of photometry alone, where a sample has more.

    Parameters
    ----------
    sample : GalaxySample
        The sample.
    **chosen : object
        Parameters by name; None if they are not used.

    Raises
    ------
    InputError
        If one is used, and the sample has spectra or lines.
    """
    kinds = [name for name in ("spectrum", "line") if _has_kind(sample, name)]
    for name, value in chosen.items():
        if value is not None and kinds:
            msg = (
                f"{name}={value!r} is for photometry alone, but the sample has columns of the "
                f"kind {' and '.join(kinds)}: remove them, or leave {name} out"
            )
            raise InputError(msg)


def warn_of_lines(sample):
    """Warn of lines that a fit leaves out.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Warns
    -----
    DustestWarning
        If it has some.
    """
    if _has_kind(sample, "line"):
        _warn(
            "engine='bagpipes' leaves the emission lines of the sample out; "
            "engine='tabulated' fits them"
        )


def warn_of_masked_spectra(sample):
    """Warn of spectra that have no pixel redward of Lyman alpha and its damping wing.

    Parameters
    ----------
    sample : GalaxySample
        The sample.

    Warns
    -----
    DustestWarning
        If there are some.
    """
    if not _has_kind(sample, "spectrum"):
        return
    used = np.isfinite(np.asarray(sample["spectrum_flux"]))
    wavelength = np.where(used, np.asarray(sample["spectrum_wavelength"]), np.nan)
    redshift = np.asarray(sample["redshift"], dtype=float)[:, None]
    with np.errstate(invalid="ignore"):
        redward = np.any(wavelength >= LAST_ABSORBED * (1.0 + redshift), axis=1)
    lost = used.any(axis=1) & ~redward & np.isfinite(redshift[:, 0])
    if lost.any():
        _warn(
            f"the spectra of {np.count_nonzero(lost)} of {len(sample)} galaxies are left out, as "
            f"they end below {LAST_ABSORBED:.0f} Angstrom in the rest frame: check that "
            "wavelengths are observed ones, and the redshifts, or use lyman_alpha='model'"
        )


def _has_kind(sample, name):
    """Whether a sample has columns of a kind."""
    found = (find_column(column) for column in sample.colnames)
    return any(one is not None and one.kind.name == name for one in found)


def warn_of_far_infrared(sample, engine, use):
    """Warn of far-infrared data that are left out.

    Parameters
    ----------
    sample : GalaxySample
        The sample.
    engine : str
        Engine of the fit; only the tables have the far infrared.
    use : bool
        Whether the far infrared is used.

    Warns
    -----
    DustestWarning
        If there are some.
    """
    far = far_infrared_bands(sample.bands)
    if not far:
        return
    if not use or engine != "tabulated":
        reason = f"engine={engine!r}" if use else "far_infrared=False"
        _warn(f"{reason} leaves out bands beyond 50 micron: {shown(far)}")
        return
    cold = is_cold(far, np.asarray(sample["redshift"], dtype=float))
    for band, rows in zip(far, ~cold.T, strict=True):
        if rows.any():
            _warn(
                f"{band} is left out of the fits of {np.count_nonzero(rows)} of {len(sample)} "
                "galaxies, as its rest wavelength is below 40 micron, where dust of one "
                "temperature is no model"
            )


def without_data(sample):
    """Make galaxies whose photometry has no information.

    Parameters
    ----------
    sample : GalaxySample
        Galaxies.

    Returns
    -------
    GalaxySample
        The same, with errors beyond any flux in their bands, or in any bands, and nothing else.
    """
    blind = sample[[name for name in sample.colnames if name.startswith(_OF_PRIOR)]]
    for band in sample.bands or ANY_BANDS:
        blind[f"flux_{band}"] = np.zeros(len(sample)) << FLUX_UNIT
        blind[f"flux_err_{band}"] = np.full(len(sample), _NO_INFORMATION) << FLUX_UNIT
    return blind
