"""What SED fits and the Meurer relation say of a sample."""

import numpy as np

from dustest.data.containers.conversion import as_sample
from dustest.data.quantities import percentile_columns
from dustest.estimators.bagpipes import BagpipesEstimator
from dustest.estimators.meurer import MeurerEstimator
from dustest.physics.histories import HISTORIES as RECORDS

__all__ = [
    "FIDUCIAL",
    "HISTORIES",
    "WORST_SLOPE",
    "meurer",
    "photometry_of",
    "sed_fitter",
    "with_good_slopes",
]

HISTORIES = tuple(record.name for record in RECORDS.own())
"""Star-formation histories of the paper, all seven."""
FIDUCIAL = "lognormal"
WORST_SLOPE = 0.3
"""Largest error of a slope that says something about dust."""
_WITHOUT_IMAGES = ("id", "redshift", "redshift_err", "ra", "dec")


def photometry_of(sample):
    """A sample without its images and spectra, and without their flags.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.

    Returns
    -------
    GalaxySample
        Their photometry and redshifts.
    """
    names = [
        name for name in sample.colnames if name in _WITHOUT_IMAGES or name.startswith("flux_")
    ]
    return as_sample(sample[names])


def sed_fitter(history, seed):
    """SED fit with a star-formation history, which also gives rates over 10 and 100 Myr.

    Parameters
    ----------
    history : str
        One of `HISTORIES`.
    seed : int
        Decides about all that is random.

    Returns
    -------
    BagpipesEstimator
        With the Calzetti law and the priors of the paper.
    """
    return BagpipesEstimator(sfh=history, extra=("history",), random_state=seed)


def meurer(reference="A_V"):
    """Meurer's relation, on the spectrum where there is one.

    Parameters
    ----------
    reference : {"A_V", "A_1600"}, optional
        What its attenuation is; the second is taken for A_V as the paper seems to have done.

    Returns
    -------
    MeurerEstimator
        With the Calzetti law.
    """
    return MeurerEstimator(relation="Meurer99", reference=reference, dust_law="Calzetti")


def with_good_slopes(result):
    """Result of Meurer's relation without the galaxies whose slope is hardly known.

    Parameters
    ----------
    result : DustTable
        Of `meurer`, with ``beta_err``.

    Returns
    -------
    DustTable
        A copy, with NaN as A_V where the error of the slope is above 0.3 or unknown.
    """
    good = result.copy()
    bad = ~(np.asarray(result["beta_err"]) <= WORST_SLOPE)
    for name in ("A_V", *percentile_columns("A_V")):
        good[name][bad] = np.nan * good[name].unit
    return good
