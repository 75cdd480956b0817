"""Posterior and prior draws of a sample, from an estimator, a table or arrays."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from dustest.data.checks.identifiers import as_ids, row_numbers
from dustest.data.checks.values import to_floats
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import shown
from dustest.data.quantities import QUANTITIES, check_quantity

__all__ = ["Gathered", "gather", "is_draws"]

_SUFFIX = "_draws"
_PRIOR_DRAWS = 200_000
"""Prior draws of all galaxies together, at least."""
_OF_ONE = (200, 5000)
"""Fewest and most prior draws of a galaxy."""
_SEED_LIMIT = 2**62


@dataclass(frozen=True, eq=False)
class Gathered:
    """Draws of the posteriors and priors of n galaxies.

    Parameters
    ----------
    name : str
        Class of the estimator, or what the draws were given as.
    ids : array_like of shape (n,)
        Identifiers.
    draws : dict of str to ndarray of shape (n, n_draws)
        Posterior draws of all quantities.
    prior : dict of str to ndarray of shape (n, n_prior)
        Prior draws of the quantities of the population.
    exact : bool
        Whether the prior is given, as distributions or by the parameters of an estimator, and
        not known by draws alone.
    table : Table or None
        Columns for covariates.
    """

    name: str
    ids: object
    draws: dict
    prior: dict
    exact: bool
    table: Table | None


def is_draws(given):
    """Whether an argument is a table of draws or a dictionary of arrays of draws.

    Parameters
    ----------
    given : object
        The argument.

    Returns
    -------
    bool
        False for estimators and dictionaries of them.
    """
    if isinstance(given, Table):
        return True
    return isinstance(given, Mapping) and any(name in QUANTITIES for name in given)


def gather(given, sample, quantities, prior, n_draws, rng):
    """Get posterior and prior draws.

    Parameters
    ----------
    given : DustEstimator, Table or dict
        See `dustest.studies.infer_population`.
    sample : object
        Galaxies, or None with draws.
    quantities : tuple of str
        Quantities of the population.
    prior : object
        Prior that replaces that of the estimator, or None.
    n_draws : int
        Posterior draws of each galaxy, if they are not given.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    Gathered
        The draws.

    Raises
    ------
    InputError
        If draws of a quantity or of its prior cannot be had.

    Warns
    -----
    DustestWarning
        If the estimator is not calibrated.
    """
    if is_draws(given):
        found = _of_draws(given, sample, quantities)
    else:
        found = _of_estimator(given, sample, n_draws, rng)
    missing = [name for name in quantities if name not in found.draws]
    if missing:
        msg = (
            f"quantities must be among those with draws, {shown(list(found.draws))}, got "
            f"{shown(missing)}: give estimators them as targets or extra"
        )
        raise InputError(msg)
    n = len(found.draws[quantities[0]])
    n_prior = int(np.clip(_PRIOR_DRAWS // n, *_OF_ONE))
    exact = False
    if prior is not None:
        drawn = _given_prior(prior, quantities, n, n_prior, rng)
        exact = _are_distributions(prior, quantities)
    elif is_draws(given):
        msg = (
            "prior must be given with draws, since posteriors are divided by it: a frozen "
            "distribution of scipy.stats or draws by quantity, such as "
            "prior={'A_V': scipy.stats.loguniform(1e-4, 10)}, or give the estimator and the sample"
        )
        raise InputError(msg)
    else:
        drawn = _prior_of(given, sample, quantities, n_prior, rng)
        # What has not learned has its prior in its parameters, and draws it evenly.
        exact = not _is_calibrated(given)
    return replace(found, prior=drawn, exact=exact)


def _of_estimator(estimator, sample, n_draws, rng):
    """Posterior draws of an estimator."""
    if not hasattr(estimator, "sample_posterior"):
        msg = (
            "estimator must be a DustEstimator, a dictionary of them, a table with columns of "
            f"draws or a dictionary of draws by quantity, got {estimator!r}"
        )
        raise InputError(msg)
    if sample is None:
        msg = "sample must be given with an estimator, got None"
        raise InputError(msg)
    name = type(estimator).__name__
    if not _is_calibrated(estimator):
        msg = (
            f"{name} is not calibrated: its assumptions, which are the same for all galaxies, "
            "shift the whole population, by 0.4 mag in A_V for SED fits of simulated galaxies; "
            "use CalibratedEstimator or its calibration"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
    table = as_sample(sample, bands=getattr(estimator, "bands", None))
    draws = estimator.sample_posterior(table, n_draws, random_state=_seed(rng))
    draws = {key: values for key, values in draws.items() if key in QUANTITIES}
    return Gathered(name, table["id"], draws, {}, False, table)


def _is_calibrated(estimator):
    """Whether an estimator has learned from galaxies with known truth."""
    tags = getattr(estimator, "__sklearn_tags__", None)
    learns = tags is not None and tags().requires_fit
    return learns or getattr(estimator, "calibration", None) is not None


def _prior_of(estimator, sample, quantities, n_prior, rng):
    """Prior draws of an estimator."""
    name = type(estimator).__name__
    remedy = (
        "give prior, a frozen distribution of scipy.stats with limits such as "
        f"uniform(-1, 6), or infer the population with CalibratedEstimator({name}(...))"
    )
    if not hasattr(estimator, "sample_prior"):
        msg = f"{name} has no proper prior to divide its posteriors by: {remedy}"
        raise InputError(msg)
    try:
        drawn = estimator.sample_prior(sample, n_prior, random_state=_seed(rng))
    except InputError as error:
        msg = f"{name} has no proper prior to divide its posteriors by ({error}): {remedy}"
        raise InputError(msg) from error
    missing = [one for one in quantities if one not in drawn]
    if missing:
        msg = f"{name} has no prior of {shown(missing)}: {remedy}"
        raise InputError(msg)
    return {one: drawn[one] for one in quantities}


def _of_draws(given, sample, quantities):
    """Posterior draws from a table with columns ``<Q>_draws``, or a dictionary by quantity."""
    if isinstance(given, Table):
        names = [name.removesuffix(_SUFFIX) for name in given.colnames if name.endswith(_SUFFIX)]
        columns = {name: given[name + _SUFFIX] for name in names if name in QUANTITIES}
        ids = given["id"] if "id" in given.colnames else row_numbers(len(given))
        table, name = given, "draws of a table"
    else:
        columns = {name: values for name, values in given.items() if name in QUANTITIES}
        table, name = None, "draws"
        ids = None
    draws = {key: _two_dimensional(values, key) for key, values in columns.items()}
    if len({values.shape for values in draws.values()}) > 1:
        shapes = ", ".join(f"{key} {values.shape}" for key, values in draws.items())
        msg = f"draws must have the same shape for all quantities, got {shapes}"
        raise InputError(msg)
    if not draws:
        msg = (
            f"draws of {shown(quantities)} are missing: make the table by "
            "estimate(sample, draws=1000)"
        )
        raise InputError(msg)
    if sample is not None:
        table = as_sample(sample)
        ids = table["id"]
    n = len(next(iter(draws.values())))
    ids = row_numbers(n) if ids is None else as_ids(ids, "ids")
    if len(ids) != n:
        msg = f"sample must have a row for each of {n} galaxies with draws, got {len(ids)}"
        raise InputError(msg)
    return Gathered(name, ids, draws, {}, False, table)


def _two_dimensional(values, name):
    """Draws of a quantity in its unit, shape (n, n_draws)."""
    numbers = to_floats(
        values, f"draws of {name}", unit=check_quantity(name).unit, sentinels=False
    )
    if numbers.ndim != 2 or min(numbers.shape) < 1:
        msg = f"draws of {name} must have the shape (n, n_draws), got {numbers.shape}"
        raise InputError(msg)
    return numbers


def _given_prior(prior, quantities, n, n_prior, rng):
    """Draws from a prior that is given by quantity, or of the only quantity."""
    if not isinstance(prior, Mapping):
        if len(quantities) > 1:
            msg = f"prior must be a dictionary with {shown(quantities)}, got {prior!r}"
            raise InputError(msg)
        prior = {quantities[0]: prior}
    missing = [name for name in quantities if name not in prior]
    if missing:
        msg = (
            f"prior must have {shown(quantities)}, got {shown(list(prior))}: add {shown(missing)}"
        )
        raise InputError(msg)
    return {name: _drawn_prior(prior[name], name, n, n_prior, rng) for name in quantities}


def _are_distributions(prior, quantities):
    """Whether a prior is given by distributions alone."""
    given = [prior[name] for name in quantities] if isinstance(prior, Mapping) else [prior]
    return all(hasattr(one, "rvs") for one in given)


def _drawn_prior(prior, name, n, n_prior, rng):
    """Draws of shape (n, n_prior) from a frozen distribution, or from given ones."""
    if hasattr(prior, "rvs"):
        return prior.rvs(size=(n, n_prior), random_state=rng)
    values = to_floats(prior, f"prior of {name}", unit=QUANTITIES[name].unit, sentinels=False)
    if values.ndim not in (1, 2) or (values.ndim == 2 and len(values) != n):
        msg = (
            f"prior of {name} must be a frozen distribution of scipy.stats, or draws of the shape "
            f"(n_draws,) or ({n}, n_draws), got the shape {values.shape}"
        )
        raise InputError(msg)
    return np.broadcast_to(values, (n, values.shape[-1]))


def _seed(rng):
    """A seed for an estimator."""
    return int(rng.integers(_SEED_LIMIT))
