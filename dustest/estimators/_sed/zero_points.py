"""Zero points of bands from fits of galaxies with known redshifts."""

import warnings

import numpy as np
from astropy.table import QTable
from sklearn.base import clone

from dustest.data.bands import get_band
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import shown
from dustest.estimators._sed.data_corrections import correct, zero_point_factors
from dustest.estimators.run.batch import make_batch

__all__ = ["find_zero_points"]

_LEAST = 30
"""Least number of galaxies with a measured flux in a band."""
_MAX_PULL = 5.0
_SPREAD = 0.2
"""Standard deviation of the prior of the logarithm of a factor."""
_ENOUGH = 0.3
"""Steps below this fraction of their errors end the iteration."""


def find_zero_points(estimator, X, *, reference=None, n_iterations=6, n_jobs=None, progress=None):
    """Fit zero points; see `BagpipesEstimator.fit_zero_points`.

    Parameters
    ----------
    estimator : BagpipesEstimator
        The fit.
    X : GalaxySample or anything that `~dustest.data.as_sample` takes
        Galaxies with known redshifts.
    reference : str, optional
        Band whose zero point is not changed.
    n_iterations : int, optional
        Greatest number of fits of the sample.
    n_jobs, progress
        As in ``estimate``.

    Returns
    -------
    QTable
        With the columns ``band``, ``zero_point``, ``zero_point_err`` and ``n_galaxies``.

    Raises
    ------
    InputError
        If a band has too few galaxies, or ``reference`` is no band of the sample.

    Warns
    -----
    DustestWarning
        If the factors still change after the last iteration.
    """
    sample = as_sample(X)
    batch = make_batch(sample)
    fixed = _reference(reference, batch.bands)
    number = _counts(batch)
    given = zero_point_factors(estimator.zero_points)
    log_factor = np.log([given.get(band, 1.0) for band in batch.bands])
    fit = clone(estimator).set_params(extra=("photometry",))
    converged = False
    for _ in range(n_iterations):
        factors = dict(zip(batch.bands, np.exp(log_factor).tolist(), strict=True))
        fit.set_params(zero_points=factors)
        table = fit.estimate(sample, n_jobs=n_jobs, progress=progress)
        data = correct(batch, factors, fit.error_floor, fit.template_error)
        step, error = _step(data, table, log_factor, fixed)
        log_factor = _anchored(log_factor + step, fixed)
        change = np.abs(_anchored(step, fixed))
        converged = bool(np.all(change <= _ENOUGH * error))
        if converged:
            break
    else:
        msg = (
            f"fit_zero_points still changes factors by up to {change.max():.3f} after "
            f"{n_iterations} iterations: increase n_iterations"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
    factor = np.exp(log_factor)
    columns = [list(batch.bands), factor, factor * error, number]
    names = ["band", "zero_point", "zero_point_err", "n_galaxies"]
    return QTable(columns, names=names, meta={"converged": converged})


def _reference(reference, bands):
    """Number of the band that keeps its zero point, None without one."""
    if reference is None:
        return None
    name = get_band(reference).name
    if name not in bands:
        msg = f"reference must be a band of the sample, got {reference!r}: it has {shown(bands)}"
        raise InputError(msg)
    return bands.index(name)


def _counts(batch):
    """Numbers of galaxies by band, if they are sufficient."""
    known = np.isfinite(batch.redshift)[:, np.newaxis]
    number = np.sum(np.isfinite(batch.flux) & known, axis=0)
    few = [band for band, n in zip(batch.bands, number, strict=True) if n < _LEAST]
    if few or not number.size:
        got = f"{number.min()} in {shown(few)}" if few else "no band"
        msg = (
            f"X must have at least {_LEAST} galaxies with a redshift and a flux in each band for "
            f"fit_zero_points, got {got}: add galaxies, or remove the columns of these bands"
        )
        raise InputError(msg)
    return number


def _step(data, table, log_factor, fixed):
    """A Newton step of the logarithms of factors to the greatest evidence, and their errors.

    A factor divides the fluxes of models in its band. The gradient of the logarithm of the
    evidence is then the mean of flux times pull over the posterior, and its curvature follows from
    the covariance of the photometry of the posterior.
    """
    names = [f"predicted_{band}" for band in data.bands]
    predicted = np.stack([np.asarray(table[name]) for name in names], axis=1)
    good = np.isfinite(data.flux_err) & np.isfinite(predicted)
    root = np.where(good, 1.0 / data.flux_err, 0.0)
    flux, model = np.where(good, data.flux, 0.0) * root, np.where(good, predicted, 0.0) * root
    shared = np.nan_to_num(np.asarray(table["predicted_covariance"]))
    shared *= root[:, :, np.newaxis] * root[:, np.newaxis]
    pull = np.clip(model - flux, -_MAX_PULL, _MAX_PULL)
    spread = np.minimum(np.diagonal(shared, axis1=1, axis2=2), 1.0)
    gradient = np.sum(pull * model + spread, axis=0) - log_factor / _SPREAD**2
    curvature = np.einsum("ib,ibc,ic->bc", model, _free(shared), model)
    # Where posteriors of few effective samples have all of the gradient, steps are short.
    noise = np.nansum(model**2 * spread / np.asarray(table["ess"])[:, np.newaxis], axis=0)
    own = [k for k in range(len(data.bands)) if k != fixed]
    curvature = curvature[np.ix_(own, own)] + np.eye(len(own)) / _SPREAD**2
    inverse = np.linalg.inv(curvature)
    step, variance = np.zeros((2, len(data.bands)))
    step[own] = np.linalg.solve(curvature + np.diag(noise[own]), gradient[own])
    variance[own] = np.diagonal(_without_common(inverse) if fixed is None else inverse)
    return step, np.sqrt(variance)


def _free(shared):
    """What models do not follow of the fluxes (n, n_bands, n_bands), in standard errors.

    The covariance of the posterior is at most that of the errors, if it is Gaussian.
    """
    value, vector = np.linalg.eigh(shared)
    return np.einsum("ibk,ik,ick->ibc", vector, 1.0 - np.clip(value, 0.0, 1.0), vector)


def _without_common(covariance):
    """Covariance of factors without the part that all share, which is that of the mass."""
    rest = np.eye(len(covariance)) - 1.0 / len(covariance)
    return rest @ covariance @ rest


def _anchored(log_factor, fixed):
    """Logarithms of factors whose median is zero, unless one of the bands is fixed."""
    return log_factor - (np.median(log_factor) if fixed is None else 0.0)
