"""Normal scores: values as Gaussian deviates of their ranks in a sample."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

__all__ = ["NormalScores"]

_N_KNOTS = 129


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Monotonic maps by which columns of a sample have a standard normal distribution.

    Values that pile up at a bound are as far apart as all others, and scores turned back are
    within the range of the sample.

    Parameters
    ----------
    knots : ndarray of shape (n_columns, n_knots)
        Quantiles of each column at evenly spaced Gaussian deviates, from ``-largest`` to
        ``largest``.
    largest : float
        Gaussian deviate of the largest value.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._calibration.normal_scores import NormalScores
    >>> values = np.random.default_rng(1).exponential(size=(1000, 1))
    >>> scores = NormalScores.of(values)
    >>> scores.forward(np.log([[2.0]])).round(1), scores.inverse(np.array([[0.0]])).round(1)
    (array([[0.]]), array([[0.7]]))
    """

    knots: np.ndarray
    largest: float

    @classmethod
    def of(cls, values):
        """Measure the ranks of a sample.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Values; NaN are left out.

        Returns
        -------
        NormalScores
            Maps of the columns; those without a value are zero.
        """
        largest = float(-ndtri(0.5 / max(len(values), 2)))
        levels = ndtr(np.linspace(-largest, largest, _N_KNOTS))
        levels[[0, -1]] = 0.0, 1.0
        known = [column[np.isfinite(column)] for column in values.T]
        knots = [np.quantile(one, levels) if one.size else np.zeros(_N_KNOTS) for one in known]
        return cls(np.array(knots), largest)

    @property
    def deviates(self):
        """Gaussian deviates of the knots."""
        return np.linspace(-self.largest, self.largest, self.knots.shape[1])

    def forward(self, values):
        """Scores of values, those beyond the sample like its ends, NaN like its median.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Values.

        Returns
        -------
        scores : ndarray of shape (n, n_columns)
            From ``-largest`` to ``largest``.
        """
        columns = zip(np.asarray(values, dtype=float).T, self.knots, strict=True)
        return np.stack([self._scores(*pair) for pair in columns], axis=1)

    def _scores(self, column, knots):
        """Scores of a column; a value that the sample has many times has the middle of them."""
        places, number = np.unique(knots, return_inverse=True)
        deviates = np.bincount(number, self.deviates) / np.bincount(number)
        return np.nan_to_num(np.interp(column, places, deviates))

    def inverse(self, scores):
        """Values of scores.

        Parameters
        ----------
        scores : ndarray of shape (n, n_columns, ...)
            Gaussian deviates.

        Returns
        -------
        values : ndarray of the same shape
            Within the range of the sample.
        """
        values = np.empty(np.shape(scores))
        for number, knots in enumerate(self.knots):
            values[:, number] = np.interp(scores[:, number], self.deviates, knots)
        return values

    def contains(self, values):
        """Whether values are within the range of the sample.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Values; NaN are.

        Returns
        -------
        inside : ndarray of bool of shape (n, n_columns)
            True within.
        """
        return ~((values < self.knots[:, 0]) | (values > self.knots[:, -1]))
