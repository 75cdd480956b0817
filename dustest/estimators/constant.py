"""`ConstantEstimator`, a baseline that any useful method should beat."""

from typing import ClassVar

import numpy as np

from dustest.estimators.base import DustEstimator
from dustest.estimators.run.batch import Estimates
from dustest.estimators.run.prior_density import log_density

__all__ = ["ConstantEstimator"]

_N_DRAWS = 10_000


class ConstantEstimator(DustEstimator):
    """Predict the median of the training truth for every galaxy.

    The percentiles are those of the training truth, so that the baseline is calibrated for samples
    drawn like the training set. A method that does not beat it has extracted no information.

    Parameters
    ----------
    targets : str or tuple of str, optional
        Quantities to learn: names of `~dustest.data.QUANTITIES`.

    Attributes
    ----------
    draws_ : ndarray of shape (n_targets, m)
        The training truth. With ``sample_weight``, integer weights are numbers of repetitions;
        with other weights, each galaxy has its fraction of 10,000 draws.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest import ConstantEstimator
    >>> control = ConstantEstimator().fit(np.zeros((4, 2)), [0.1, 0.2, 0.4, 0.9])
    >>> control.predict(np.zeros((2, 2)))
    array([0.3, 0.3])
    """

    requires: ClassVar[tuple] = ()
    uncertainty: ClassVar[str] = "ensemble"
    magnified: ClassVar[bool] = False

    @classmethod
    def _cite(cls, cited, parameters):
        """Add nothing: a median needs no reference."""

    def __init__(self, targets="A_V"):
        self.targets = targets

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    def _fit(self, batch, y, sample_weight=None):  # noqa: ARG002
        """Store the training truth, each galaxy according to its weight."""
        if sample_weight is not None:
            y = np.repeat(y, _repeats(sample_weight), axis=0)
        self.draws_ = y.T.copy()

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior of galaxies: the training truth, which is the posterior too.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By target.

        Raises
        ------
        InputError
            If the input is invalid, or ``n_samples`` is not a positive integer.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest import ConstantEstimator
        >>> control = ConstantEstimator().fit(np.zeros((4, 2)), [0.1, 0.2, 0.4, 0.9])
        >>> control.sample_prior(np.zeros((2, 2)), 3, random_state=1)["A_V"].shape
        (2, 3)
        """
        drawn = self.sample_posterior(X, n_samples, random_state)
        return {name: values for name, values in drawn.items() if name in self._target_names}

    @property
    def _prior_statement(self):
        """The prior is the training truth."""
        known = f"density of {self.draws_.shape[1]} draws: the training truth"
        return dict.fromkeys(self._drawn_targets, known)

    @property
    def _drawn_targets(self):
        """Targets that are not derived from others."""
        return tuple(name for name in self._target_names if name in self._drawn_quantities)

    def _log_prior(self, batch, estimates):
        """Density of the training truth."""
        found = {name: estimates.samples[name] for name in self._drawn_targets}
        shape = (len(batch), self.draws_.shape[1])
        return {
            name: np.broadcast_to(log_density(one[0], one), shape) for name, one in found.items()
        }

    def _estimate(self, batch):  # noqa: ARG002
        """Return the training truth as draws shared by all galaxies."""
        draws = zip(self._target_names, self.draws_[:, None, :], strict=True)
        return Estimates(dict(draws))


def _repeats(weight):
    """Number of draws of each of n galaxies (ndarray of int of shape (n,))."""
    most = max(_N_DRAWS, 10 * len(weight))
    for whole in (weight, weight / weight[weight > 0].min()):
        if np.all(whole == np.round(whole)) and whole.sum() <= most:
            counts = whole.astype(int)
            return counts // np.gcd.reduce(counts)
    edges = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    return np.diff(np.round(edges * max(_N_DRAWS, len(weight))).astype(int))
