"""Correction of predictive distributions by ranks of the truth, for a calibration set.

A mixture of Gaussians cannot follow every distribution, such as an upper limit. The ranks of the
truth among the draws are then not uniform. Their distribution determines which quantile replaces
which [1]_. It differs between galaxies with much and with little dust, so that galaxies are
counted, and corrected, in bins of the prediction.

References
----------
.. [1] Kuleshov, Fenner & Ermon 2018, ICML, arXiv:1807.00263.
"""

from dataclasses import dataclass

import numpy as np

from dustest.data.errors import InputError

__all__ = ["Calibration"]

_N_LEVELS = 33
_MOST_BINS = 8
_FEWEST = 500
"""Smallest number of galaxies of a bin for significant counts."""
_CENTRES = "centres"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Mapping between quantiles.

    Parameters
    ----------
    by : str
        Target whose mean defines the bins.
    centres : ndarray of shape (n_bins,)
        Ascending means of the bins of the levels; levels are interpolated between them.
    levels : dict of str to ndarray of shape (n_bins, n_levels)
        By target, probabilities that replace evenly spaced ones, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._calibration.levels import Calibration
    >>> rng = np.random.default_rng(1)
    >>> draws, truth = {"A_V": rng.normal(size=(900, 100))}, {"A_V": 0.5 * rng.normal(size=900)}
    >>> calibration = Calibration.learn("A_V", draws, truth)
    >>> calibration.levels["A_V"][0, [0, 8, 16, 24, 32]].round(1)
    array([0. , 0.4, 0.5, 0.6, 1. ])
    >>> corrected = calibration.corrected(draws)["A_V"]
    >>> float(np.quantile(corrected, 0.84, axis=1).mean().round(1))
    0.5
    """

    by: str
    centres: np.ndarray
    levels: dict

    @classmethod
    def learn(cls, by, draws, truth):
        """Measure the ranks of the truth.

        Parameters
        ----------
        by : str
            Target whose mean defines the bins.
        draws : dict of str to ndarray of shape (n, n_draws)
            By target, for galaxies that were not used in training; NaN without an estimate.
        truth : dict of str to ndarray of shape (n,)
            By target, true values; NaN if unknown.

        Returns
        -------
        Calibration
            With one bin for every 500 galaxies, up to 8, all of the same size.

        Raises
        ------
        InputError
            If there are fewer than 500 galaxies with known values.
        """
        known = np.all(
            [np.isfinite(truth[name]) & np.isfinite(draws[name]).all(axis=1) for name in draws],
            axis=0,
        )
        n = np.count_nonzero(known)
        if n < _FEWEST:
            msg = f"X must have {_FEWEST} galaxies or more to be counted, got {n} that can be"
            raise InputError(msg)
        predicted = draws[by].mean(axis=1)
        rows = np.flatnonzero(known)
        rows = rows[np.argsort(predicted[rows], kind="stable")]
        bins = np.array_split(rows, min(n // _FEWEST, _MOST_BINS))
        levels = {
            name: np.array([_levels(draws[name][rows], truth[name][rows]) for rows in bins])
            for name in draws
        }
        return cls(by, np.array([np.median(predicted[rows]) for rows in bins]), levels)

    def corrected(self, samples):
        """Correct draws, so that quantiles have their nominal coverage.

        Parameters
        ----------
        samples : dict of str to ndarray of shape (n, n_draws)
            Draws by target.

        Returns
        -------
        dict of str to ndarray of shape (n, n_draws)
            Draws in the same order of size, galaxy by galaxy, so that they remain joint draws.
        """
        predicted = np.nan_to_num(samples[self.by].mean(axis=1))
        last = len(self.centres) - 1
        place = np.interp(predicted, self.centres, np.arange(last + 1))
        low = place.astype(int)
        near = low, np.minimum(low + 1, last), (place - low)[:, None].astype(np.float32)
        return {name: _correct(draws, self.levels[name], near) for name, draws in samples.items()}

    def to_arrays(self):
        """All arrays by name, for a file (dict of str to ndarray)."""
        return {_CENTRES: self.centres, **self.levels}

    @classmethod
    def from_arrays(cls, targets, arrays):
        """Read the result of `to_arrays`.

        Parameters
        ----------
        targets : tuple of str
            Targets; the mean of the first defines the bins.
        arrays : dict of str to ndarray
            All arrays by name.

        Returns
        -------
        Calibration
            Calibration of these targets.

        Raises
        ------
        InputError
            If the arrays are not those of such a calibration.
        """
        levels = dict(arrays)
        centres = levels.pop(_CENTRES, np.empty(0))
        shape = (centres.size, _N_LEVELS)
        ascends = centres.ndim == 1 and centres.size > 0 and np.all(np.diff(centres) >= 0)
        if not ascends or set(levels) != set(targets):
            msg = (
                f"a calibration must have ascending {_CENTRES} and the levels of "
                f"{', '.join(targets)}, got {', '.join(arrays)}"
            )
            raise InputError(msg)
        for name, values in levels.items():
            if values.shape != shape or not _is_ladder(values):
                msg = (
                    f"the levels of {name} must be {shape[0]} by {shape[1]} probabilities, each "
                    f"row ascending from 0 to 1, got the shape {values.shape}"
                )
                raise InputError(msg)
        return cls(targets[0], centres, levels)


def _is_ladder(levels):
    """Whether all rows ascend from 0 to 1."""
    ascends = np.all(np.diff(levels, axis=1) >= 0)
    return ascends and np.all(levels[:, 0] == 0) and np.all(levels[:, -1] == 1)


def _levels(draws, truth):
    """Quantiles of the ranks of the truth."""
    below = np.sum(draws < truth[:, None], axis=1)
    levels = np.quantile((below + 0.5) / (draws.shape[1] + 1.0), np.linspace(0.0, 1.0, _N_LEVELS))
    levels[[0, -1]] = 0.0, 1.0
    return levels


def _correct(draws, levels, near):
    """Correct draws of one target, with the two nearest bins and the weight of the second."""
    n, n_draws = draws.shape
    low, high, share = near
    # As in `numpy.quantile`, the draws represent probabilities from 0 to 1.
    probability = np.linspace(0.0, 1.0, n_draws)
    even = np.linspace(0.0, 1.0, levels.shape[1])
    # A further value lies below draw k, counted from 0, with a probability of (k + 1) / (n + 1).
    wanted = np.array([np.interp(probability, even, row) for row in levels]) * (n_draws + 1) - 1.0
    # Single precision, with an error of 1e-5 of the step to the next draw, is many times faster.
    wanted = np.clip(wanted, 0.0, n_draws - 1.0).astype(np.float32)
    place = share * (wanted[high] - wanted[low])
    place += wanted[low]
    step = min(n_draws - 1, 1)
    below = np.minimum(place.astype(np.intp), n_draws - 1 - step)
    place -= below
    # Flat indices within bounds by construction: skipping the check is several times faster.
    start = n_draws * np.arange(n)[:, None]
    order = np.argsort(draws, axis=1)
    order += start
    below += start
    ascending = np.take(draws, order, mode="clip").ravel()
    least = np.take(ascending, below, mode="clip")
    below += step
    values = np.take(ascending, below, mode="clip")
    values -= least
    values *= place
    values += least
    moved = np.empty(draws.size, dtype=draws.dtype)
    moved[order] = values
    return moved.reshape(draws.shape)
