"""Bands without a filter curve, which are left out."""

import warnings

import numpy as np

from dustest.data.bands import has_curve
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.kinds import KINDS

__all__ = ["with_curves"]


def with_curves(sample, name):
    """Leave out the photometry of bands without a filter curve.

    Parameters
    ----------
    sample : GalaxySample
        Checked sample of n galaxies.
    name : str
        The estimator, for messages.

    Returns
    -------
    sample : GalaxySample
        The sample without these bands; rows measured in one of them have the flag
        ``MISSING_BAND``.

    Raises
    ------
    InputError
        If no band has a curve, and there is no spectrum either.

    Warns
    -----
    DustestWarning
        If bands are left out.
    """
    without = [band for band in sample.bands if not has_curve(band)]
    if not without:
        return sample
    listed = ", ".join(without)
    remedy = (
        "curves that dustest does not have are fetched from the SVO if astroquery is installed"
    )
    if len(without) == len(sample.bands) and "spectrum_flux" not in sample.colnames:
        msg = f"{name} needs the filter curves of bands, but {listed} have none; {remedy}"
        raise InputError(msg)
    msg = f"{name} leaves out the bands {listed}, which have no filter curve; {remedy}"
    warnings.warn(msg, DustestWarning, stacklevel=5)
    measured = np.any([_is_measured(sample, band) for band in without], axis=0)
    flags = sample["flags"] if "flags" in sample.colnames else np.zeros(len(sample), np.int32)
    kept = sample.copy(copy_data=False)
    kept["flags"] = flags | np.where(measured, FLAGS["MISSING_BAND"].value, 0).astype(np.int32)
    for band in without:
        kept.remove_columns(KINDS["flux"].columns_of(band, kept))
    return kept


def _is_measured(sample, band):
    """Rows with a usable flux in a band."""
    flux, error = (sample[f"{kind}_{band}"].value for kind in ("flux", "flux_err"))
    return np.isfinite(flux) & np.isfinite(error) & (error > 0)
