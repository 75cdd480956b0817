"""Distributions of one quantity for many galaxies, given by draws or by quantiles."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from dustest.data.errors import InputError

__all__ = ["Draws", "Quantiles", "overlap"]

_FEWEST_DRAWS = 2
_FEWEST_LEVELS = 2
_LARGEST_SCORE = 1e150
# Pieces that are narrower than rounding are atoms.
_ROUNDING = 1e-13
_SMALLEST_SLOPE = 1e-100


@dataclass(frozen=True)
class Draws:
    """Equally weighted draws of one quantity.

    Parameters
    ----------
    values : ndarray of shape (n, n_draws)
        Draws of each galaxy. A row with a NaN is unknown.

    Raises
    ------
    InputError
        If there are fewer than two draws.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.posteriors.distributions import Draws
    >>> Draws(np.array([[0.1, 0.2, 0.3]])).pit_bounds(np.array([0.25]))
    (array([0.5]), array([0.75]))
    """

    values: np.ndarray

    def __post_init__(self):
        if self.values.shape[1] < _FEWEST_DRAWS:
            msg = (
                f"draws must be at least {_FEWEST_DRAWS} a galaxy, got {self.values.shape[1]}: "
                "estimate with more draws"
            )
            raise InputError(msg)

    @cached_property
    def known(self):
        """Whether each row is known."""
        return np.isfinite(self.values).all(axis=1)

    @property
    def median(self):
        """Median of each row."""
        return self._blank(np.median(self.values, axis=1))

    def counts(self, truth):
        """Numbers of draws below the truth and equal to it.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.

        Returns
        -------
        n_below, n_equal : ndarray of int of shape (n,)
            Numbers of draws.
        """
        column = truth[:, np.newaxis]
        return np.sum(self.values < column, axis=1), np.sum(self.values == column, axis=1)

    def pit_bounds(self, truth):
        """Limits of the probability integral transform of the truth.

        The rank of the truth among the draws is one of n_draws + 1, each of which has the same
        probability if truth and draws are from one distribution.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.

        Returns
        -------
        low, high : ndarray of shape (n,)
            Limits; NaN if unknown.
        """
        n_below, n_equal = self.counts(truth)
        n_ranks = self.values.shape[1] + 1
        known = np.isfinite(truth)
        low, high = n_below / n_ranks, (n_below + n_equal + 1) / n_ranks
        return tuple(self._blank(np.where(known, one, np.nan)) for one in (low, high))

    def quantiles(self, levels):
        """Quantiles below which a further draw is with the given probability.

        Parameters
        ----------
        levels : array_like of shape (k,)
            Probabilities. Those beyond the extreme draws return these draws.

        Returns
        -------
        quantiles : ndarray of shape (n, k)
            Values; NaN if unknown.
        """
        # Quantiles of other methods leave too much probability outside few draws.
        values = np.quantile(self.values, np.atleast_1d(levels), axis=1, method="weibull").T
        return self._blank(values)

    def hits(self, truth, level):
        """Probability that the truth is in the central interval.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.
        level : float
            Probability inside the interval.

        Returns
        -------
        hits : ndarray of shape (n,)
            0, 1, or a fraction if a limit is between the draws next to the truth, or if draws
            equal the truth; NaN if unknown.
        """
        return overlap(self.pit_bounds(truth), (1 - level) / 2, (1 + level) / 2)

    def crps(self, truth):
        """Continuous ranked probability score of each row.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.

        Returns
        -------
        crps : ndarray of shape (n,)
            The fair score, whose expectation does not depend on the number of draws.
        """
        ordered = np.sort(self.values, axis=1)
        n = ordered.shape[1]
        distance = np.abs(ordered - truth[:, np.newaxis]).mean(axis=1)
        spread = ordered @ (2.0 * np.arange(1, n + 1) - n - 1) / (n * (n - 1))
        return self._blank(distance - spread)

    def _blank(self, values):
        """Values, NaN in rows that are unknown."""
        known = self.known if values.ndim == 1 else self.known[:, np.newaxis]
        return np.where(known, values, np.nan)


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of one quantity at some levels, with normal distributions between them.

    The quantity is a piecewise linear function of the normal score of the probability, and the
    outermost pieces extend to infinity. With the 16th, 50th and 84th percentile it is a split
    normal distribution; the quantiles of a normal distribution give that distribution. Equal
    quantiles are an atom, a value with a finite probability.

    Parameters
    ----------
    levels : ndarray of shape (k,)
        Probabilities, rising.
    values : ndarray of shape (n, k)
        Quantiles of each galaxy, not falling. A row with a NaN is unknown.

    Raises
    ------
    InputError
        If there are fewer than two levels, or they do not rise between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.posteriors.distributions import Quantiles
    >>> levels = np.array([0.16, 0.5, 0.84])
    >>> percentiles = Quantiles(levels, np.array([[0.4, 0.5, 0.7]]))
    >>> percentiles.quantiles([0.025, 0.975]).round(3)
    array([[0.303, 0.894]])
    """

    levels: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        levels = self.levels
        rising = levels.size >= _FEWEST_LEVELS and np.all(np.diff(levels) > 0)
        if not rising or not (levels[0] > 0 and levels[-1] < 1):
            msg = (
                f"quantiles must be at least {_FEWEST_LEVELS} probabilities between 0 and 1 that "
                f"rise, got {levels.tolist()}"
            )
            raise InputError(msg)

    @cached_property
    def known(self):
        """Whether each row is known."""
        return np.isfinite(self.values).all(axis=1)

    @property
    def median(self):
        """Median of each row."""
        return self.quantiles([0.5])[:, 0]

    @cached_property
    def _scores(self):
        """Normal scores of the levels."""
        return stats.norm.ppf(self.levels)

    @cached_property
    def _lines(self):
        """Intercepts and slopes of the pieces, of shape (n, k - 1)."""
        slopes = np.diff(self.values, axis=1) / np.diff(self._scores)
        smallest = _ROUNDING * np.abs(self.values).max(axis=1, keepdims=True) + _SMALLEST_SLOPE
        slopes = np.where(slopes > smallest, slopes, np.where(np.isnan(slopes), np.nan, 0.0))
        return self.values[:, :-1] - slopes * self._scores[:-1], slopes

    @cached_property
    def _ends(self):
        """Normal scores where the pieces begin and end, of shape (k - 1,)."""
        inner = self._scores[1:-1]
        return np.concatenate([[-np.inf], inner]), np.concatenate([inner, [np.inf]])

    def quantiles(self, levels):
        """Interpolate the quantiles.

        Parameters
        ----------
        levels : array_like of shape (k,)
            Probabilities.

        Returns
        -------
        quantiles : ndarray of shape (n, k)
            Values; NaN if unknown.
        """
        scores = stats.norm.ppf(np.atleast_1d(levels))
        piece = np.searchsorted(self._scores[1:-1], scores)
        intercepts, slopes = self._lines
        return intercepts[:, piece] + slopes[:, piece] * scores

    def pit_bounds(self, truth):
        """Limits of the probability integral transform of the truth.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.

        Returns
        -------
        low, high : ndarray of shape (n,)
            Probabilities below the truth, and below or equal; NaN if unknown.
        """
        return tuple(self._probability(truth, at_atom) for at_atom in (0, 1))

    def hits(self, truth, level):
        """Whether the truth is in the central interval, which includes its limits.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.
        level : float
            Probability inside the interval.

        Returns
        -------
        hits : ndarray of shape (n,)
            0 or 1; NaN if unknown.
        """
        low, high = self.quantiles([(1 - level) / 2, (1 + level) / 2]).T
        known = self.known & np.isfinite(truth)
        return np.where(known, (low <= truth) & (truth <= high), np.nan)

    def crps(self, truth):
        """Continuous ranked probability score of each row, in closed form.

        Parameters
        ----------
        truth : ndarray of shape (n,)
            True values.

        Returns
        -------
        crps : ndarray of shape (n,)
            Scores; NaN if unknown.
        """
        lower, upper = self._ends
        _, slopes = self._lines
        score = self._clipped_scores(truth, 1)
        pieces = _squared(score) - _squared(lower) + _squared(-score) - _squared(-upper)
        inside = np.where(slopes > 0, slopes * pieces, 0.0).sum(axis=1)
        # Beyond an atom at either end of the distribution.
        below = np.where(slopes[:, 0] > 0, 0.0, np.maximum(self.values[:, 0] - truth, 0.0))
        above = np.where(slopes[:, -1] > 0, 0.0, np.maximum(truth - self.values[:, -1], 0.0))
        return np.where(self.known, inside + below + above, np.nan)

    def _clipped_scores(self, truth, at_atom):
        """Normal score of the truth within each piece; at an atom the lower or the upper end."""
        intercepts, slopes = self._lines
        lower, upper = self._ends
        column = truth[:, np.newaxis]
        is_line = slopes > 0
        score = (column - intercepts) / np.where(is_line, slopes, 1.0)
        beyond = column >= intercepts if at_atom else column > intercepts
        score = np.where(is_line, score, np.where(beyond, np.inf, -np.inf))
        return np.clip(score, lower, upper)

    def _probability(self, truth, at_atom):
        """Probability below the truth, without an atom there or with it."""
        lower, _ = self._ends
        score = self._clipped_scores(truth, at_atom)
        total = (stats.norm.cdf(score) - stats.norm.cdf(lower)).sum(axis=1)
        return np.where(self.known & np.isfinite(truth), np.clip(total, 0.0, 1.0), np.nan)


def overlap(bounds, low, high):
    """Fraction of intervals that is within limits.

    Parameters
    ----------
    bounds : tuple of ndarray of shape (n,)
        Lower and upper ends of the intervals.
    low, high : float
        The limits.

    Returns
    -------
    fraction : ndarray of shape (n,)
        From 0 to 1; for an interval of no width, whether it is within the limits or on one of
        them; NaN if unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation.posteriors.distributions import overlap
    >>> overlap((np.array([0.0, 0.3]), np.array([0.4, 0.3])), 0.1, 0.9)
    array([0.75, 1.  ])
    """
    below, upto = bounds
    width = upto - below
    inside = np.minimum(upto, high) - np.maximum(below, low)
    fraction = np.clip(inside, 0.0, None) / np.where(width > 0, width, 1.0)
    point = np.where(np.isfinite(below), (low <= below) & (below <= high), np.nan)
    return np.where(width > 0, fraction, point)


def _squared(score):
    """Integral of the squared normal distribution function up to a score."""
    # Squares of larger numbers overflow.
    score = np.clip(score, -_LARGEST_SCORE, _LARGEST_SCORE)
    cdf = stats.norm.cdf(score)
    doubled = stats.norm.cdf(np.sqrt(2) * score) / np.sqrt(np.pi)
    return score * cdf**2 + 2 * cdf * stats.norm.pdf(score) - doubled
