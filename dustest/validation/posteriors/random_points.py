"""Coverage of joint posteriors of several quantities, by distances to random points."""

import numpy as np
from astropy.table import QTable
from scipy import stats

from dustest.data.checks.tables import is_table_like
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.validation.posteriors.distributions import Draws, overlap
from dustest.validation.posteriors.pairing import judge, listed

__all__ = ["tarp"]

_LEVELS = np.linspace(0.05, 0.95, 19)
_FEWEST_GALAXIES = 2


def tarp(truth, posterior, quantities=None, *, levels=_LEVELS, references=None, random_state=None):
    """Test the coverage of joint draws of several quantities with random points (TARP).

    The draws that are nearer to a random reference point than a given distance fill a region
    around that point. The truth is in the region that contains a fraction ``level`` of the draws
    in as many galaxies, if the joint posteriors are right [1]_. Marginal coverage does not test
    correlations; this does.

    Parameters
    ----------
    truth : Table, data frame or dict of columns, or array_like of shape (n, n_quantities)
        True values, with identifiers; or bare values.
    posterior : DustTable, Table or dict of columns, or array_like of shape (n, m, n_quantities)
        Results with columns of draws, as of ``estimate(draws=100)``; or bare draws.
    quantities : sequence of str, optional
        Keys of `~dustest.data.QUANTITIES`; by default all with draws and truth. Not for arrays.
    levels : array_like of shape (k,), optional
        Probabilities inside the regions.
    references : array_like of shape (n, n_quantities), optional
        Reference points, which must not depend on the truth of their own galaxy, in the order of
        ``posterior``. By default the truth of another galaxy, drawn at random.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the reference points.

    Returns
    -------
    coverage : QTable
        One row per ``level``: ``n`` galaxies, ``coverage``, the fraction of truths inside, its
        binomial error ``coverage_err`` and ``deviation``, the coverage minus the level in units
        of it. The meta contains the ``quantities`` and ``ks`` and ``ks_pvalue``, statistic and
        p-value of a Kolmogorov-Smirnov test.

    Raises
    ------
    InputError
        If an argument is invalid, there are no joint draws, or fewer than two galaxies.

    Notes
    -----
    Distances are Euclidean, with every quantity in units of the standard deviation of its truths.
    The rank of the truth among the distances of m draws counts as in `coverage`, so that the
    coverage of calibrated draws is the level for any m. With references that are independent of
    the data, the prior itself passes the test; compare its sharpness or CRPS too.

    References
    ----------
    .. [1] Lemos et al. 2023, ICML, arXiv:2302.03026.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import tarp
    >>> rng = np.random.default_rng(1)
    >>> centre = rng.normal(size=(2000, 1, 2))
    >>> draws = rng.normal(centre, 0.5, (2000, 100, 2))
    >>> truth = rng.normal(centre, 0.5)[:, 0]
    >>> table = tarp(truth, draws, levels=[0.5, 0.9], random_state=1)
    >>> bool(np.all(np.abs(table["deviation"]) < 4))
    True
    """
    names, values, draws = _joint(truth, posterior, quantities)
    levels = _checked_levels(levels)
    rng = as_generator(random_state)
    points = None if references is None else _checked_references(references, values.shape)
    known = np.isfinite(values).all(axis=1) & np.isfinite(draws).all(axis=(1, 2))
    if points is not None:
        known &= np.isfinite(points).all(axis=1)
    if known.sum() < _FEWEST_GALAXIES:
        msg = (
            f"truth and posterior must have at least {_FEWEST_GALAXIES} galaxies with joint "
            f"draws, got {known.sum()}"
        )
        raise InputError(msg)
    values, draws = values[known], draws[known]
    points = _truths_of_others(values, rng) if points is None else points[known]
    bounds = _distance_bounds(values, draws, points)
    place = bounds[0] + rng.uniform(size=len(values)) * (bounds[1] - bounds[0])
    test = stats.kstest(place, "uniform")
    table = _table(levels, bounds)
    table.meta |= {
        "quantities": ", ".join(names),
        "ks": float(test.statistic),
        "ks_pvalue": float(test.pvalue),
    }
    return table


def _joint(truth, posterior, quantities):
    """Names, truths of shape (n, n_quantities) and draws of shape (n, m, n_quantities)."""
    if not is_table_like(posterior):
        return _joint_arrays(truth, posterior, quantities)
    judged = judge(truth, posterior, quantities)
    asked = listed(quantities, "quantities")
    drawn = {
        name: one for name, one in judged.quantities.items() if isinstance(one.distribution, Draws)
    }
    lacking = [name for name in asked if name not in drawn]
    if lacking or not drawn:
        name = (lacking or list(judged.quantities))[0]
        msg = f"posterior must have draws in the column {name}_draws: estimate with draws=100"
        raise InputError(msg)
    values = np.stack([one.truth for one in drawn.values()], axis=1)
    draws = np.stack([one.distribution.values for one in drawn.values()], axis=2)
    return list(drawn), values, draws


def _joint_arrays(truth, posterior, quantities):
    """Bare arrays beside each other."""
    if quantities is not None:
        msg = f"quantities must be None for arrays, got {quantities!r}"
        raise InputError(msg)
    values = to_floats(truth, "truth", sentinels=False, ndim=2)
    draws = to_floats(posterior, "posterior", sentinels=False, ndim=3)
    if values.shape != (draws.shape[0], draws.shape[2]):
        msg = (
            "truth must be of shape (n, n_quantities) and posterior of shape "
            f"(n, m, n_quantities), got {values.shape} and {draws.shape}"
        )
        raise InputError(msg)
    return [f"value {i + 1}" for i in range(values.shape[1])], values, draws


def _checked_levels(levels):
    """Probabilities between 0 and 1."""
    levels = np.atleast_1d(to_floats(levels, "levels"))
    if levels.ndim != 1 or not np.all((levels > 0) & (levels < 1)):
        msg = f"levels must be numbers between 0 and 1, got {levels.tolist()}"
        raise InputError(msg)
    return levels


def _checked_references(references, shape):
    """Reference points of a user."""
    points = to_floats(references, "references", sentinels=False, ndim=2)
    if points.shape != shape:
        msg = f"references must be of shape {shape}, got {points.shape}"
        raise InputError(msg)
    return points


def _truths_of_others(values, rng):
    """The truth of another galaxy, drawn at random, for each galaxy."""
    n = len(values)
    return values[(np.arange(n) + rng.integers(1, n, size=n)) % n]


def _distance_bounds(values, draws, points):
    """Limits of the fraction of draws nearer to the reference point than the truth."""
    spread = np.std(values, axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    of_truth = np.linalg.norm((values - points) / scale, axis=1)
    of_draws = np.linalg.norm((draws - points[:, np.newaxis]) / scale, axis=2)
    return Draws(of_draws).pit_bounds(of_truth)


def _table(levels, bounds):
    """Coverage at every level."""
    n = len(bounds[0])
    coverage = np.array([overlap(bounds, 0.0, level).mean() for level in levels])
    error = np.sqrt(levels * (1 - levels) / n)
    return QTable(
        {
            "level": levels,
            "n": np.full(len(levels), n),
            "coverage": coverage,
            "coverage_err": error,
            "deviation": (coverage - levels) / error,
        }
    )
