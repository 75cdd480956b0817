"""SED fits and the Meurer relation for a sample."""

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
"""The seven star-formation histories of the paper."""
FIDUCIAL = "lognormal"
WORST_SLOPE = 0.3
"""Largest error of a slope that constrains the dust."""
_WITHOUT_IMAGES = ("id", "redshift", "redshift_err", "ra", "dec")


def photometry_of(sample):
    """Remove images and spectra, and their flags, from a sample.

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
    """SED fit with a star-formation history, including rates over 10 and 100 Myr.

    Parameters
    ----------
    history : str
        One of `HISTORIES`.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    BagpipesEstimator
        Estimator with the law and the priors of the paper.
    """
    return BagpipesEstimator(history, preset="Fu", extra=("history",), random_state=seed)


def meurer(reference="A_V"):
    """Meurer's relation, from the spectrum if there is one.

    Parameters
    ----------
    reference : {"A_V", "A_1600"}, optional
        Attenuation in the result; the second is used as A_V, apparently as in the paper.

    Returns
    -------
    MeurerEstimator
        Estimator with the relation and the law of the paper.
    """
    return MeurerEstimator(preset="Fu", reference=reference)


def with_good_slopes(result):
    """Mask galaxies with uncertain slopes in a result of Meurer's relation.

    Parameters
    ----------
    result : DustTable
        Result of `meurer`, with ``beta_err``.

    Returns
    -------
    DustTable
        A copy, with NaN as A_V if the error of the slope is above 0.3 or unknown.
    """
    good = result.copy()
    bad = ~(np.asarray(result["beta_err"]) <= WORST_SLOPE)
    for name in ("A_V", *percentile_columns("A_V")):
        good[name][bad] = np.nan * good[name].unit
    return good
