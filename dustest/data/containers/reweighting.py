"""Results under another prior: weights of stored draws."""

import json
import warnings
from collections.abc import Callable, Mapping

import numpy as np

from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.identity.describe import describe
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, percentile_columns, point_column

__all__ = ["DRAWS", "ESS", "LOG_PRIOR", "reweigh"]

DRAWS, LOG_PRIOR = "{}_draws", "{}_log_prior"
"""Columns of the draws of a quantity, and of the logarithm of its prior density at them."""
ESS = "under_ess"
"""Column of the effective number of draws under the new prior."""
_LEAST_ESS = 50.0
"""Percentiles of fewer draws move by more than a fifth of the interval."""
_LEVELS = (0.16, 0.5, 0.84)


def reweigh(table, prior):
    """Change the prior of a table: weight its draws by the new prior over the old one.

    Parameters
    ----------
    table : DustTable
        Result with draws.
    prior : mapping of str to distribution, or callable
        See `DustTable.under`.

    Returns
    -------
    table : DustTable
        A changed copy.

    Raises
    ------
    InputError
        If the prior is neither, or the table has not what it needs.

    Warns
    -----
    DustestWarning
        If galaxies have no draw that is possible under the new prior, or draws of unknown weight.
    """
    draws = _draws(table)
    log_weight, new = _log_weights(table, prior, draws)
    some = np.isfinite(log_weight).any(axis=1)
    known = (log_weight < np.inf).all(axis=1)
    _warn_of_unknown(~known & _are_estimated(draws))
    _warn_of_impossible(np.count_nonzero(known & ~some), len(table))
    usable = some & known
    log_weight = np.where(usable[:, None], log_weight, -np.inf)
    weight = np.exp(log_weight - np.where(usable, np.max(log_weight, axis=1), 0.0)[:, None])
    table = table.copy()
    effective = _effective_number(weight, next(iter(draws.values())))
    table[ESS] = np.where(known, effective, np.nan)
    low = known & (effective < _LEAST_ESS)
    table["flags"] = np.where(low, table["flags"] | FLAGS["LOW_ESS"].value, table["flags"])
    for name, values in draws.items():
        _update_summaries(table, name, values, weight, usable)
    for name in draws:
        _update_ratio(table, name)
    _update_draws(table, draws, new, weight, usable)
    table.meta["under"] = json.dumps(describe(prior, "prior"), sort_keys=True)
    return table


def _draws(table):
    """Draws by name, without units."""
    end = DRAWS.format("")
    names = [name.removesuffix(end) for name in table.colnames if name.endswith(end)]
    if not names:
        msg = "the table has no draws to weigh: estimate with draws=1000 or more"
        raise InputError(msg)
    return {name: _bare(table[DRAWS.format(name)]) for name in names}


def _bare(column):
    """Values of a column."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def _log_weights(table, prior, draws):
    """Logarithms of the weights of the draws, and of the new density by quantity."""
    if isinstance(prior, Mapping) and prior:
        new = {name: _log_new(name, one, draws) for name, one in prior.items()}
        old = {name: _log_old(name, table) for name in prior}
        with np.errstate(invalid="ignore"):
            return sum(new[name] - old[name] for name in prior), new
    if isinstance(prior, Callable):
        weight = np.asarray(prior(dict(draws)), dtype=float)
        shape = next(iter(draws.values())).shape
        if weight.shape != shape or np.any(weight < 0.0):
            got = "negative ones" if weight.shape == shape else f"shape {weight.shape}"
            msg = f"prior must return weights from 0 of shape {shape}, got {got}"
            raise InputError(msg)
        with np.errstate(divide="ignore"):
            return np.log(weight), {}
    msg = (
        "prior must be a dict of frozen distributions of scipy.stats by quantity, or a function "
        f"of the draws, got {prior!r:.100}"
    )
    raise InputError(msg)


def _log_new(name, distribution, draws):
    """Logarithm of a new density at the draws."""
    if name not in draws:
        msg = f"prior names {name!r}, of which the table has no draws: {did_you_mean(name, draws)}"
        raise InputError(msg.rstrip(": "))
    if not hasattr(distribution, "logpdf"):
        msg = (
            f"prior[{name!r}] must be a frozen distribution such as scipy.stats.expon(scale=0.5), "
            f"got {distribution!r:.100}"
        )
        raise InputError(msg)
    found = np.asarray(distribution.logpdf(draws[name]), dtype=float)
    return np.where(np.isnan(draws[name]), np.nan, found)


def _log_old(name, table):
    """Logarithm of the old density at the draws."""
    column = LOG_PRIOR.format(name)
    if column not in table.colnames:
        msg = (
            f"the table does not state the prior of {name} in a column {column}: the estimator "
            "knows none, or it was changed by another prior; give a function of the draws that "
            "returns new over old prior"
        )
        raise InputError(msg)
    return _bare(table[column])


def _warn_of_impossible(n, n_rows):
    """Warn of galaxies without a draw of positive weight."""
    if n:
        msg = (
            f"{n} of {n_rows} galaxies have no draw that is possible under the new prior, and are "
            "NaN: fit them with this prior"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _are_estimated(draws):
    """Galaxies that have draws."""
    return np.any([np.isfinite(values).any(axis=1) for values in draws.values()], axis=0)


def _warn_of_unknown(unknown):
    """Warn of galaxies with draws that have no finite weight, of whatever prior."""
    if unknown.any():
        msg = (
            f"{np.count_nonzero(unknown)} of {len(unknown)} galaxies have draws whose weight is "
            "NaN or infinite, and are NaN: parameters that the model of a draw lacks are NaN; "
            "return a finite weight for such draws"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _effective_number(weight, values):
    """Effective number of different draws (Kish 1965), which may be there several times."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(np.nan_to_num(values), order, axis=1)
    is_new = np.diff(ordered, axis=1, prepend=-np.inf) != 0
    n, m = weight.shape
    run = np.cumsum(is_new, axis=1) - 1 + m * np.arange(n)[:, None]
    summed = np.bincount(
        run.ravel(), np.take_along_axis(weight, order, axis=1).ravel(), n * m
    ).reshape(n, m)
    square = np.sum(summed**2, axis=1)
    total = np.sum(weight, axis=1)
    return np.divide(total**2, square, out=np.zeros(n), where=square > 0)


def _weighted_quantiles(values, weight):
    """Quantiles at the levels of a table, (n_levels, n)."""
    order = np.argsort(values, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    weight = np.take_along_axis(weight, order, axis=1)
    below = np.cumsum(weight, axis=1) - 0.5 * weight
    below /= np.sum(weight, axis=1, keepdims=True)
    rows = zip(below, values, strict=True)
    return np.array([np.interp(_LEVELS, *row) for row in rows]).reshape(-1, len(_LEVELS)).T


def _update_summaries(table, name, values, weight, usable):
    """Replace median, percentiles and mean of a quantity."""
    rows = np.flatnonzero(usable & ~np.isnan(values).any(axis=1))
    low, median, high = _weighted_quantiles(values[rows], weight[rows])
    mean = np.average(values[rows], axis=1, weights=weight[rows]) if len(rows) else low
    (p16, p84), of_mean = percentile_columns(name), point_column(name, "mean")
    for column, found in ((p16, low), (name, median), (p84, high), (of_mean, mean)):
        if column in table.colnames:
            changed = np.full(len(table), np.nan)
            changed[rows] = found
            unit = getattr(table[column], "unit", None)
            table[column] = changed if unit is None else changed << unit


def _update_ratio(table, name):
    """Replace the median of a ratio by the ratio of the medians."""
    derivation = QUANTITIES[name].derivation if name in QUANTITIES else None
    if derivation is not None and derivation.of_medians and name in table.colnames:
        medians = [_bare(table[source]) for source in derivation.sources]
        table[name] = derivation.function(*medians)


def _update_draws(table, draws, new, weight, usable):
    """Replace draws by equally weighted ones, and the densities of the prior at them."""
    picks = _systematic(weight, usable)
    for name, values in draws.items():
        picked = np.where(usable[:, None], np.take_along_axis(values, picks, axis=1), np.nan)
        unit = getattr(table[DRAWS.format(name)], "unit", None)
        table[DRAWS.format(name)] = picked if unit is None else picked << unit
    ending = LOG_PRIOR.format("")
    for column in [one for one in table.colnames if one.endswith(ending)]:
        name = column.removesuffix(ending)
        if name in new:
            table[column] = np.take_along_axis(new[name], picks, axis=1)
        else:
            table.remove_column(column)


def _systematic(weight, usable):
    """Numbers of draws, each as often as its weight says to less than one."""
    n, m = weight.shape
    picks = np.tile(np.arange(m), (n, 1))
    places = (np.arange(m) + 0.5) / m
    for row in np.flatnonzero(usable):
        below = np.cumsum(weight[row])
        picks[row] = np.searchsorted(below, places * below[-1]).clip(max=m - 1)
    return picks
