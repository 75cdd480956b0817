"""`ConstantEstimator`, the control that must lose."""

from typing import ClassVar

from dustest.estimators.base import DustEstimator
from dustest.estimators.batch import Estimates

__all__ = ["ConstantEstimator"]


class ConstantEstimator(DustEstimator):
    """Predict the median of the training truth for every galaxy.

    The percentiles are those of the training truth, so that the control is calibrated where
    the sample is drawn as the training set was. Any estimator worth its cost must beat it.

    Parameters
    ----------
    targets : str or tuple of str, optional
        Quantities to learn: names of `~dustest.data.QUANTITIES`.

    Attributes
    ----------
    draws_ : ndarray of shape (n_targets, n_train)
        The training truth.

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

    def __init__(self, targets="A_V"):
        self.targets = targets

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    def _fit(self, batch, y):  # noqa: ARG002
        """Keep the training truth."""
        self.draws_ = y.T.copy()

    def _estimate(self, batch):  # noqa: ARG002
        """The training truth as draws that all galaxies share."""
        draws = zip(self._target_names, self.draws_[:, None, :], strict=True)
        return Estimates(dict(draws))
