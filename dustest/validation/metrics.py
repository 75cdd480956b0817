"""Metrics of estimates against truth or against other estimates, with their errors."""

import warnings
from dataclasses import dataclass, fields
from itertools import chain
from numbers import Integral

import numpy as np
from astropy.stats import mad_std
from scipy import stats

from dustest.data.checks.numbers import is_number
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import DustestWarning, InputError
from dustest.data.identity.seeds import as_generator
from dustest.validation.posteriors.distributions import Draws, Quantiles

__all__ = [
    "METRICS",
    "Metric",
    "check_resamples",
    "checked_limit",
    "compute_metrics",
    "is_inside",
    "mask_exchanged",
    "residual",
    "split_normal_interval",
]

_MIN_ROWS = 3
_OUTLIER_NMAD = 3.0
_STORED_LEVELS = np.array([0.16, 0.5, 0.84])
# Relative rounding error of floating-point arithmetic on equal numbers.
_ROUNDING = 1e-12
# Resamples are drawn in blocks of about this many numbers, to bound the memory.
_BLOCK_SIZE = 2**21


@dataclass(frozen=True)
class Metric:
    """A metric of `compute_metrics`.

    Parameters
    ----------
    name : str
        Key in the result; its bootstrap error is ``<name>_err``.
    label : str
        Short name for display.
    power : int
        Power of the quantity's unit; 0 for a plain number.
    description : str
        One sentence for documentation and reports.
    digits : int, optional
        Decimals of a plain number; those of others follow from the quantity.
    """

    name: str
    label: str
    power: int
    description: str
    digits: int = 3

    def digits_of(self, quantity):
        """Number of decimals in reports and documentation.

        Parameters
        ----------
        quantity : DustQuantity
            The quantity.

        Returns
        -------
        digits : int
            One more than for the values of the quantity, twice as many for squares.

        Examples
        --------
        >>> from dustest.data import QUANTITIES
        >>> from dustest.validation import METRICS
        >>> [METRICS[name].digits_of(QUANTITIES["A_V"]) for name in ("mae", "mse", "pearson")]
        [3, 4, 3]
        """
        return (self.digits, quantity.digits + 1, 2 * quantity.digits)[self.power]


METRICS = {
    metric.name: metric
    for metric in (
        Metric("bias", "bias", 1, "mean of the residual, prediction - truth"),
        Metric("mae", "MAE", 1, "mean of the absolute residual"),
        Metric("mse", "MSE", 2, "mean of the squared residual; equals variance + bias^2"),
        Metric("sigma", "sigma", 1, "standard deviation of the residual about its mean"),
        Metric("variance", "variance", 2, "variance of the residual about its mean"),
        Metric(
            "nmad",
            "NMAD",
            1,
            "1.4826 times the median absolute deviation of the residual from its median",
        ),
        Metric(
            "outlier_fraction",
            "outliers",
            0,
            "fraction of residuals farther than 3 NMAD from their median, or than a given limit "
            "from zero",
        ),
        Metric("pearson", "Pearson", 0, "linear correlation of prediction and truth"),
        Metric("spearman", "Spearman", 0, "rank correlation of prediction and truth"),
        Metric(
            "coverage_68",
            "coverage 68 %",
            0,
            "fraction of truths between the 16th and the 84th percentile; 0.68 is calibrated",
        ),
        Metric(
            "coverage_90",
            "coverage 90 %",
            0,
            "fraction of truths in the 90 % interval of the draws, or without draws of a split "
            "normal distribution with the same percentiles; 0.90 is calibrated",
        ),
        Metric(
            "coverage_95",
            "coverage 95 %",
            0,
            "fraction of truths in the 95 % interval of the same distribution; 0.95 is calibrated",
        ),
        Metric(
            "crps",
            "CRPS",
            1,
            "mean continuous ranked probability score of the same distribution; smaller is better",
        ),
    )
}


def compute_metrics(
    prediction,
    truth,
    *,
    p16=None,
    p84=None,
    draws=None,
    outlier_limit=None,
    n_bootstrap=200,
    random_state=None,
):
    """Compute metrics of predictions against the truth.

    Residuals are prediction - truth: a positive bias is an overestimate. Pairs with a missing
    value (NaN, infinite, masked, -99) are left out and counted.

    Parameters
    ----------
    prediction : array_like, Column, Quantity or series of shape (n,)
        Point estimates. NaN or masked if there is none.
    truth : array_like, Column, Quantity or series of shape (n,)
        True values, in the same or a convertible unit.
    p16, p84 : array_like, Column, Quantity or series of shape (n,), optional
        Percentiles of the predictions, for the coverage and the CRPS. Pairs without them still
        enter the other metrics.
    draws : array_like or Quantity of shape (n, n_draws), optional
        Draws of the posteriors, for wider intervals and the CRPS.
    outlier_limit : float or `~astropy.units.Quantity`, optional
        A pair is an outlier if its residual is larger than this, on either side of zero. By
        default, if it is more than 3 NMAD from the median residual.
    n_bootstrap : int, optional
        Number of resamples for the errors; with 0 the errors are NaN.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of the resamples.

    Returns
    -------
    metrics : dict of str to int or float
        ``n`` pairs used, ``n_dropped`` pairs left out, then every name in `METRICS` and its
        bootstrap standard error ``<name>_err``, as plain numbers in the unit of
        ``prediction``. All are NaN with fewer than 3 pairs; the correlations are NaN if one side
        is constant, and the coverage and the CRPS if neither percentiles nor draws are given.

    Raises
    ------
    InputError
        If the inputs differ in length or unit, most ``p16`` are above their ``p84``, or
        ``n_bootstrap`` or ``outlier_limit`` is invalid.

    See Also
    --------
    split_normal_interval : The intervals behind ``coverage_90`` and ``coverage_95``.
    posterior_scores : Scores in cells of a column.
    compare_scores : Differences of two methods with their errors.

    Examples
    --------
    >>> from dustest.validation import compute_metrics
    >>> metrics = compute_metrics([0.1, 0.3, 0.6, 0.7], [0.1, 0.2, 0.4, 0.5], random_state=1)
    >>> metrics["n"], round(metrics["bias"], 3), round(metrics["mae"], 3)
    (4, 0.125, 0.125)
    """
    unit = declared_unit(prediction, "prediction")
    columns = _columns(prediction, truth, p16, p84, unit)
    columns |= _posterior_columns(columns, draws, unit)
    limit = checked_limit(outlier_limit, unit)
    check_resamples(n_bootstrap)
    used = np.isfinite(columns["prediction"]) & np.isfinite(columns["truth"])
    pairs = _Pairs(**{name: columns[name][used] for name in _PAIRED})
    counts = {"n": int(used.sum()), "n_dropped": int((~used).sum())}
    if counts["n"] < _MIN_ROWS:
        return counts | dict.fromkeys(_names_with_errors(), np.nan)
    values = _statistics(pairs, np.arange(counts["n"]), limit)
    errors = _bootstrap_errors(pairs, limit, n_bootstrap, as_generator(random_state))
    return counts | {
        key: number
        for name in METRICS
        for key, number in ((name, float(values[name])), (f"{name}_err", errors[name]))
    }


def residual(prediction, truth):
    """Prediction - truth; differences at the level of rounding are zero.

    Parameters
    ----------
    prediction, truth : ndarray of float of one shape
        Values in one unit.

    Returns
    -------
    residual : ndarray of float
        Differences, NaN if a value is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.metrics import residual
    >>> residual(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.25]))
    array([0.  , 0.25])
    """
    difference = prediction - truth
    scale = np.maximum(np.abs(prediction), np.abs(truth))
    return np.where(np.abs(difference) <= _ROUNDING * scale, 0.0, difference)


def split_normal_interval(median, p16, p84, level=0.95):
    """Central interval of a split normal distribution with three given percentiles.

    Tables have only the 16th, 50th and 84th percentile of an estimate, so wider intervals are
    extrapolated: each half is half a normal distribution, whose width follows from the percentile
    on its side.

    Parameters
    ----------
    median, p16, p84 : ndarray of shape (n,)
        Percentiles. A median outside its percentiles is replaced by the nearer one.
    level : float, optional
        Probability inside the interval, between 0 and 1.

    Returns
    -------
    low, high : ndarray of shape (n,)
        Bounds; NaN if a percentile is NaN.

    Raises
    ------
    InputError
        If ``level`` is not between 0 and 1.

    Examples
    --------
    >>> from dustest.validation import split_normal_interval
    >>> low, high = split_normal_interval(0.5, 0.4, 0.7)
    >>> round(float(low), 3), round(float(high), 3)
    (0.303, 0.894)
    """
    if not is_number(level) or not 0 < level < 1:
        msg = f"level must be between 0 and 1, got {level!r}"
        raise InputError(msg)
    stretch = stats.norm.ppf(0.5 + level / 2) / stats.norm.ppf(0.84)
    middle = np.clip(median, p16, p84)
    return middle - stretch * (middle - p16), middle + stretch * (p84 - middle)


def is_inside(value, low, high):
    """Mark values within their intervals.

    Parameters
    ----------
    value, low, high : ndarray of float of shape (n,)
        Values, and bounds of the intervals, which are within.

    Returns
    -------
    inside : ndarray of float of shape (n,)
        1 if a value is in its interval, 0 if not, NaN without an interval.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.metrics import is_inside
    >>> is_inside(np.array([0.2, 0.5]), np.array([0.1, 0.1]), np.array([0.3, np.nan]))
    array([ 1., nan])
    """
    known = np.isfinite(low) & np.isfinite(high)
    return np.where(known, (low <= value) & (value <= high), np.nan)


def checked_limit(limit, unit=None):
    """Convert an outlier limit to a plain number.

    Parameters
    ----------
    limit : float, `~astropy.units.Quantity` or None
        The argument.
    unit : `~astropy.units.UnitBase`, optional
        Unit of the result.

    Returns
    -------
    limit : float or None
        Positive number, or None for the default rule.

    Raises
    ------
    InputError
        If the limit is not positive or has another unit.
    """
    if limit is None:
        return None
    value = to_floats(limit, "outlier_limit", unit=unit, ndim=0, sentinels=False)
    if not value > 0:
        msg = f"outlier_limit must be a positive number, got {limit!r}"
        raise InputError(msg)
    return float(value)


def check_resamples(n_bootstrap):
    """Raise an error for a number of resamples that gives no standard error.

    Parameters
    ----------
    n_bootstrap : int
        The argument.

    Raises
    ------
    InputError
        If it is not an integer, negative or 1.
    """
    if not is_number(n_bootstrap, Integral) or n_bootstrap < 0 or n_bootstrap == 1:
        msg = f"n_bootstrap must be 0 or an integer from 2, got {n_bootstrap!r}"
        raise InputError(msg)


def mask_exchanged(low, high, names):
    """Return lower and upper percentiles, unknown in rows where they are exchanged.

    Parameters
    ----------
    low, high : ndarray of shape (n,)
        Percentiles; NaN if unknown.
    names : sequence of str
        Their names.

    Returns
    -------
    low, high : ndarray of shape (n,)
        NaN where the lower percentile is above the upper one.

    Raises
    ------
    InputError
        If that is so in most rows.

    Warns
    -----
    DustestWarning
        If it is so in others.
    """
    wrong = low > high
    n_wrong, n = np.count_nonzero(wrong), len(low)
    if not n_wrong:
        return low, high
    problem = f"{names[0]} must not be above {names[1]}, but is in {n_wrong} of {n} rows"
    if 2 * n_wrong > n:
        msg = f"{problem}: exchange them"
        raise InputError(msg)
    msg = f"{problem}, whose intervals do not count: correct these rows"
    warnings.warn(msg, DustestWarning, stacklevel=3)
    return tuple(np.where(wrong, np.nan, one) for one in (low, high))


@dataclass(frozen=True)
class _Pairs:
    """Finite predictions and truths, with hits of intervals and scores (NaN = unknown)."""

    prediction: np.ndarray
    truth: np.ndarray
    inside_68: np.ndarray
    inside_90: np.ndarray
    inside_95: np.ndarray
    crps: np.ndarray


_PAIRED = tuple(field.name for field in fields(_Pairs))


def _columns(prediction, truth, p16, p84, unit):
    """The inputs as floats of one unit and length."""
    given = {"prediction": prediction, "truth": truth, "p16": p16, "p84": p84}
    arrays = {
        name: to_floats(column, name, unit=unit)
        for name, column in given.items()
        if column is not None or name in ("prediction", "truth")
    }
    unknown = np.full_like(arrays["prediction"], np.nan)
    arrays |= {name: unknown for name in ("p16", "p84") if name not in arrays}
    shapes = {name: array.shape for name, array in arrays.items()}
    if arrays["prediction"].ndim != 1 or len(set(shapes.values())) > 1:
        msg = f"prediction, truth and percentiles must be of shape (n,) with one n, got {shapes}"
        raise InputError(msg)
    low, high = mask_exchanged(arrays["p16"], arrays["p84"], ("p16", "p84"))
    return arrays | {"p16": low, "p84": high}


def _posterior_columns(columns, draws, unit):
    """Whether the intervals contain the truth, and the score of each posterior."""
    median, value, low, high = columns.values()
    distribution = Quantiles(
        _STORED_LEVELS, np.stack([low, np.clip(median, low, high), high], axis=1)
    )
    if draws is not None:
        distribution = Draws(to_floats(draws, "draws", unit=unit, ndim=2))
        if len(distribution.values) != len(value):
            msg = f"draws must be for each of {len(value)} rows, got {len(distribution.values)}"
            raise InputError(msg)
    return {
        "inside_68": is_inside(value, low, high),
        "inside_90": distribution.hits(value, 0.9),
        "inside_95": distribution.hits(value, 0.95),
        "crps": distribution.crps(value),
    }


def _names_with_errors():
    """Keys of the metrics and of their errors."""
    return chain.from_iterable((name, f"{name}_err") for name in METRICS)


def _statistics(pairs, index, limit):
    """Every metric of the pairs at an index array of shape (..., n), as arrays (...)."""
    prediction, truth = pairs.prediction[index], pairs.truth[index]
    difference = residual(prediction, truth)
    nmad = mad_std(difference, axis=-1)
    variance = difference.var(axis=-1)
    return {
        "bias": difference.mean(axis=-1),
        "mae": np.abs(difference).mean(axis=-1),
        "mse": np.square(difference).mean(axis=-1),
        "sigma": np.sqrt(variance),
        "variance": variance,
        "nmad": nmad,
        "outlier_fraction": _outliers(difference, nmad, limit).mean(axis=-1),
        "pearson": _correlation(prediction, truth),
        "spearman": _correlation(
            stats.rankdata(prediction, axis=-1), stats.rankdata(truth, axis=-1)
        ),
        "coverage_68": _known_mean(pairs.inside_68[index]),
        "coverage_90": _known_mean(pairs.inside_90[index]),
        "coverage_95": _known_mean(pairs.inside_95[index]),
        "crps": _known_mean(pairs.crps[index]),
    }


def _outliers(residual, nmad, limit):
    """Which residuals are outliers."""
    if limit is not None:
        return np.abs(residual) > limit
    median = np.median(residual, axis=-1, keepdims=True)
    return np.abs(residual - median) > _OUTLIER_NMAD * nmad[..., None]


def _correlation(x, y):
    """Pearson correlation along the last axis; NaN, without a warning, if one is constant."""
    constant = _is_constant(x) | _is_constant(y)
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    norm = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    constant |= norm == 0
    ratio = (x * y).sum(axis=-1) / np.where(constant, 1.0, norm)
    return np.where(constant, np.nan, np.clip(ratio, -1.0, 1.0))


def _is_constant(values):
    """Whether values along the last axis differ by rounding only."""
    return np.ptp(values, axis=-1) <= _ROUNDING * np.abs(values).max(axis=-1)


def _known_mean(values):
    """Mean of the entries that are not NaN; NaN if there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.sum(values, axis=-1, where=known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _bootstrap_errors(pairs, limit, n_bootstrap, rng):
    """Standard deviation of every metric over resamples of the pairs."""
    n = len(pairs.truth)
    rows = max(1, _BLOCK_SIZE // n)
    sizes = [min(rows, n_bootstrap - start) for start in range(0, n_bootstrap, rows)]
    blocks = [_statistics(pairs, rng.integers(n, size=(size, n)), limit) for size in sizes]
    return {
        name: _spread(np.concatenate([block[name] for block in blocks]) if blocks else np.empty(0))
        for name in METRICS
    }


def _spread(draws):
    """Standard deviation of the finite draws, NaN if there are fewer than two."""
    finite = draws[np.isfinite(draws)]
    return float(finite.std(ddof=1)) if finite.size > 1 else np.nan
