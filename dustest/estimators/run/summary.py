"""Summaries of the draws of a method."""

from dataclasses import dataclass, field

import numpy as np

from dustest.data.containers.reweighting import LOG_PRIOR
from dustest.data.quantities import QUANTITIES

__all__ = ["Rows", "Summary", "quantiles_of", "summarise"]


@dataclass(frozen=True)
class Summary:
    """Summaries to keep of the draws of each galaxy.

    Parameters
    ----------
    quantiles : tuple of float
        Probabilities between 0 and 1.
    points : tuple of str
        Further point estimates: ``"mean"`` of the draws, and ``"best"``, the best fit.
    std : bool
        Whether to append the standard deviation; for ratios such as R_V half the range from 16
        to 84 %.
    n_draws : int
        Number of draws to keep; 0 for none.
    prior : bool
        Whether to keep the densities of the prior at the draws.
    """

    quantiles: tuple = ()
    points: tuple = ()
    std: bool = False
    n_draws: int = 0
    prior: bool = False


@dataclass(frozen=True)
class Rows:
    """Summaries of some galaxies, for the store or a table.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n, k)
        By quantity: quantiles, then points, the standard deviation and draws, as requested; the
        deviation of a ratio such as R_V is half its range from 16 to 84 %. By parameter of the
        model: draws alone.
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

    def __getitem__(self, rows):
        """Select rows (mask, slice or integer array)."""
        values, extra = (
            {name: one[rows] for name, one in columns.items()}
            for columns in (self.values, self.extra)
        )
        return Rows(values, self.flags[rows], extra)


def summarise(estimates, summary, seeds, wanted, log_prior=None):
    """Reduce the draws of a batch.

    Parameters
    ----------
    estimates : Estimates
        Output of the method.
    summary : Summary
        Summaries to keep.
    seeds : ndarray of uint64 of shape (n,)
        Seeds of the galaxies, for the selection of draws.
    wanted : sequence of str
        Quantities of the result.
    log_prior : dict of str to ndarray of shape (n, m), optional
        Logarithms of the prior densities of quantities at their draws.

    Returns
    -------
    rows : Rows
        Summaries of these quantities, including those derived from others, such as R_V.
    """
    samples = {name: np.asarray(values, float) for name, values in estimates.samples.items()}
    best = {name: np.asarray(values, float) for name, values in estimates.best.items()}
    values = {
        name: _reduce(name, draws, best.get(name), summary, seeds)
        for name, draws in samples.items()
    }
    for name in wanted:
        derivation = None if name in samples else QUANTITIES[name].derivation
        if derivation is not None and samples.keys() >= {*derivation.sources}:
            samples[name] = _derived(derivation, samples)
            values[name] = _reduce(name, samples[name], None, summary, seeds)
            _take_points(values, name, summary)
    values = {name: value for name, value in values.items() if name in wanted}
    flags = estimates.flags
    flags = np.zeros(len(seeds), np.int32) if flags is None else np.asarray(flags, np.int32)
    extra = {name: np.asarray(value) for name, value in estimates.extra.items()}
    if summary.n_draws:
        values |= {
            name: _resample(draws, summary.n_draws, seeds)
            for name, draws in estimates.parameters.items()
        }
        values |= {
            LOG_PRIOR.format(name): _resample(densities, summary.n_draws, seeds)
            for name, densities in (log_prior or {}).items()
        }
        extra |= estimates.data
    return Rows(values, flags, extra)


def _reduce(name, draws, best, summary, seeds):
    """Quantiles, points, standard deviation and draws of one quantity, one row per seed."""
    parts = [quantiles_of(draws, summary.quantiles)]
    parts += [_point(point, draws, best)[:, None] for point in summary.points]
    if summary.std:
        derivation = QUANTITIES[name].derivation
        spread = _half_range if derivation is not None and derivation.of_medians else _deviation
        parts.append(spread(draws)[:, None])
    if summary.n_draws:
        parts.append(_resample(draws, summary.n_draws, seeds))
    parts = [np.broadcast_to(part, (len(seeds), part.shape[1])) for part in parts]
    return np.concatenate(parts, axis=1)


def _point(point, draws, best):
    """Mean of the draws, or best fit of each row; NaN without one."""
    if point == "mean":
        return draws if draws.ndim == 1 else draws.mean(axis=1)
    return np.full(len(draws), np.nan) if best is None else best


def quantiles_of(draws, probabilities):
    """Quantiles of each row, linear between draws.

    Parameters
    ----------
    draws : ndarray of shape (n,) or (n, n_draws)
        Point estimates, which have only a median, or draws.
    probabilities : sequence of float
        Levels of the quantiles.

    Returns
    -------
    quantiles : ndarray of shape (n, n_levels)
        NaN for rows with any NaN.
    """
    levels = np.asarray(probabilities, dtype=float)
    if draws.ndim == 1:
        return np.where(levels == 0.5, draws[:, None], np.nan)
    if levels.size == 0:
        return np.empty((len(draws), 0))
    # Sorting each row is many times faster than `numpy.quantile` for many short rows.
    ordered = np.sort(draws, axis=1)
    place = levels * (draws.shape[1] - 1)
    below = np.floor(place).astype(int)
    low, high = ordered[:, below], ordered[:, np.ceil(place).astype(int)]
    step = np.subtract(high, low, out=np.zeros_like(low), where=high != low)
    # NaN are last. A row with any NaN has no estimate.
    return np.where(np.isnan(ordered[:, -1:]), np.nan, low + (place - below) * step)


def _deviation(draws):
    """Standard deviation of each row."""
    return np.full(len(draws), np.nan) if draws.ndim == 1 else draws.std(axis=1)


def _half_range(draws):
    """Half the range from 16 to 84 %: a ratio of draws has no finite variance."""
    return np.diff(quantiles_of(draws, (0.16, 0.84)), axis=1)[:, 0] / 2


def _resample(draws, n_draws, seeds):
    """Draws of each row with replacement; the same draw numbers for every quantity."""
    if draws.ndim == 1:
        return np.repeat(draws[:, None], n_draws, axis=1)
    picks = [np.random.default_rng(seed).integers(draws.shape[1], size=n_draws) for seed in seeds]
    return np.take_along_axis(
        np.broadcast_to(draws, (len(seeds), draws.shape[1])), np.array(picks), 1
    )


def _derived(derivation, samples):
    """Joint draws of a quantity; none for point estimates that are derived from medians."""
    sources = [samples[source] for source in derivation.sources]
    if derivation.of_medians and any(values.ndim == 1 for values in sources):
        return np.full(max(map(len, sources)), np.nan)
    return derivation.function(*sources)


def _take_points(values, name, summary):
    """Replace point estimates by the values derived from those of the sources, if required.

    A best fit is one model. Medians and means are those of the sources for ratios only.
    """
    derivation = QUANTITIES[name].derivation
    n = len(summary.quantiles)
    medians = [column for column, level in enumerate(summary.quantiles) if level == 0.5]
    columns = [*medians, *range(n, n + len(summary.points))] if derivation.of_medians else []
    columns += [n + k for k, point in enumerate(summary.points) if point == "best"]
    for column in columns:
        points = [values[source][:, column] for source in derivation.sources]
        values[name][:, column] = derivation.function(*points)
