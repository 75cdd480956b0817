"""From a backend's draws to the numbers that a caller asked for."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Rows", "Summary", "summarise"]


@dataclass(frozen=True)
class Summary:
    """What to keep of the draws of each galaxy.

    Parameters
    ----------
    quantiles : tuple of float
        Probabilities between 0 and 1.
    std : bool
        Whether to append the standard deviation; for R_V half the range from 16 to 84 %.
    n_draws : int
        How many draws to keep; 0 for none.
    """

    quantiles: tuple = ()
    std: bool = False
    n_draws: int = 0


@dataclass(frozen=True)
class Rows:
    """Summaries of some galaxies, ready to be stored or put into a table.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n, k)
        By quantity: quantiles, then the standard deviation, then draws, as asked for; the
        deviation of R_V is half its range from 16 to 84 %.
    flags : ndarray of int of shape (n,)
        Flag bits.
    extra : dict of str to ndarray of shape (n, ...)
        Further columns.
    """

    values: dict
    flags: np.ndarray
    extra: dict = field(default_factory=dict)

    def __len__(self):
        return len(self.flags)


def summarise(estimates, summary, seeds):
    """Reduce the draws of a batch.

    Parameters
    ----------
    estimates : Estimates
        What the backend found.
    summary : Summary
        What to keep.
    seeds : ndarray of uint64 of shape (n,)
        Seeds of the galaxies, for choosing draws.

    Returns
    -------
    rows : Rows
        With R_V where A_V and E_BV are given.
    """
    samples = {name: np.asarray(values, float) for name, values in estimates.samples.items()}
    values = {name: _reduce(name, draws, summary, seeds) for name, draws in samples.items()}
    if {"A_V", "E_BV"} <= set(samples) and "R_V" not in samples:
        values["R_V"] = _ratio_of_totals(samples, values, summary, seeds)
    flags = estimates.flags
    flags = np.zeros(len(seeds), np.int32) if flags is None else np.asarray(flags, np.int32)
    extra = {name: np.asarray(value) for name, value in estimates.extra.items()}
    return Rows(values, flags, extra)


def _reduce(name, draws, summary, seeds):
    """Quantiles, standard deviation and draws of one quantity, a row for each seed."""
    parts = [_quantiles(draws, summary.quantiles)]
    if summary.std:
        parts.append((_half_range(draws) if name == "R_V" else _deviation(draws))[:, None])
    if summary.n_draws:
        parts.append(_resample(draws, summary.n_draws, seeds))
    parts = [np.broadcast_to(part, (len(seeds), part.shape[1])) for part in parts]
    return np.concatenate(parts, axis=1)


def _quantiles(draws, probabilities):
    """Quantiles of each row, linear between draws; a bare point estimate has only its median."""
    levels = np.asarray(probabilities, dtype=float)
    if draws.ndim == 1:
        return np.where(levels == 0.5, draws[:, None], np.nan)
    if levels.size == 0:
        return np.empty((len(draws), 0))
    # One sort of each row is many times faster than `numpy.quantile` of many short rows.
    ordered = np.sort(draws, axis=1)
    place = levels * (draws.shape[1] - 1)
    below = np.floor(place).astype(int)
    low, high = ordered[:, below], ordered[:, np.ceil(place).astype(int)]
    step = np.subtract(high, low, out=np.zeros_like(low), where=high != low)
    # NaN come last. A row with any of them has no answer.
    return np.where(np.isnan(ordered[:, -1:]), np.nan, low + (place - below) * step)


def _deviation(draws):
    """Standard deviation of each row."""
    return np.full(len(draws), np.nan) if draws.ndim == 1 else draws.std(axis=1)


def _half_range(draws):
    """Half the range from 16 to 84 %: a ratio of draws has no finite variance."""
    return np.diff(_quantiles(draws, (0.16, 0.84)), axis=1)[:, 0] / 2


def _resample(draws, n_draws, seeds):
    """Draws of each row with replacement; the same draw numbers for every quantity."""
    if draws.ndim == 1:
        return np.repeat(draws[:, None], n_draws, axis=1)
    picks = [np.random.default_rng(seed).integers(draws.shape[1], size=n_draws) for seed in seeds]
    return np.take_along_axis(
        np.broadcast_to(draws, (len(seeds), draws.shape[1])), np.array(picks), 1
    )


def _ratio_of_totals(samples, values, summary, seeds):
    """R_V: the ratio of the medians, with percentiles of the joint draws.

    Where both are zero there is no R_V.
    """
    total, excess = samples["A_V"], samples["E_BV"]
    joint = total.ndim == excess.ndim == 2
    ratio = _divide(total, excess) if joint else np.full(len(total), np.nan)
    reduced = _reduce("R_V", ratio, summary, seeds)
    for column, level in enumerate(summary.quantiles):
        if level == 0.5:
            reduced[:, column] = _divide(values["A_V"][:, column], values["E_BV"][:, column])
    return reduced


def _divide(numerator, denominator):
    """Quotient, NaN where the denominator is zero."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)
