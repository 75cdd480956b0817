"""What further training of networks gained and lost, on held-out galaxies."""

from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError

__all__ = ["Outcome", "check_held_out", "compare_outcomes"]

_N_BOOTSTRAP = 500
_INTERVAL = (0.16, 0.84)


def check_held_out(held_out):
    """Check sets of held-out galaxies.

    Parameters
    ----------
    held_out : dict of str to (GalaxySample, Table) or None
        The argument.

    Returns
    -------
    held_out : dict of str to (GalaxySample, Table)
        The sets; empty for None.

    Raises
    ------
    InputError
        If it is no dict of pairs.
    """
    if held_out is None:
        return {}
    pairs = held_out.values() if isinstance(held_out, dict) else [None]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        msg = (
            "held_out must be a dict of name to (sample, truth), such as "
            f"{{'matched': (sample, truth)}}, got {type(held_out).__name__}"
        )
        raise InputError(msg)
    return {name: (as_sample(sample), truth) for name, (sample, truth) in held_out.items()}


@dataclass(frozen=True, eq=False)
class Outcome:
    """Predictions of networks for galaxies with known truth.

    Parameters
    ----------
    truth, prediction : ndarray of shape (n, n_targets)
        True and predicted values.
    interval : ndarray of shape (n, n_targets, 2)
        16th and 84th percentiles; NaN for networks without distributions.
    """

    truth: np.ndarray
    prediction: np.ndarray
    interval: np.ndarray

    @classmethod
    def of(cls, estimator, sample, truth):
        """Predict a sample.

        Parameters
        ----------
        estimator : CNNEstimator
            Trained networks.
        sample : GalaxySample
            Galaxies.
        truth : ndarray of shape (n,) or (n, n_targets)
            Truth, row by row.

        Returns
        -------
        Outcome
            Truth and predictions.
        """
        n = len(sample)
        prediction = estimator.predict(sample).reshape(n, -1)
        interval = estimator.predict_quantiles(sample, _INTERVAL).reshape(n, -1, 2)
        return cls(np.asarray(truth).reshape(n, -1), prediction, interval)

    def error(self, target):
        """Absolute errors of one target, (n,)."""
        return np.abs(self.prediction[:, target] - self.truth[:, target])

    def coverage(self, target):
        """Share of truths within the intervals of one target; NaN without intervals."""
        low, high = self.interval[:, target].T
        known = np.isfinite(low + high)
        inside = (low <= self.truth[:, target]) & (self.truth[:, target] <= high)
        return inside[known].mean() if known.any() else np.nan


def compare_outcomes(before, after, targets, seed):
    """Compare networks before and after further training.

    Parameters
    ----------
    before, after : dict of str to Outcome
        By name of the set, for the same galaxies.
    targets : sequence of str
        Names of the targets.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    table : QTable
        As described in ``CNNEstimator.finetune``.
    """
    rows = [
        {"set": name, "quantity": target}
        | _compare(before[name], after[name], i, np.random.default_rng(seed))
        for name in before
        for i, target in enumerate(targets)
    ]
    return QTable(rows=rows)


def _compare(before, after, target, rng):
    """Numbers of one set and target."""
    errors = np.array([before.error(target), after.error(target)])
    errors = errors[:, np.isfinite(errors).all(axis=0)]
    n = errors.shape[1]
    mae, means = np.full(2, np.nan), np.full((_N_BOOTSTRAP, 2), np.nan)
    if n:
        mae = errors.mean(axis=1)
        means = np.array([errors[:, rng.integers(n, size=n)].mean(axis=1) for _ in means])
    return {
        "n": n,
        "mae_before": mae[0],
        "mae_after": mae[1],
        "change": mae[1] / mae[0] - 1.0,
        "change_err": (means[:, 1] / means[:, 0]).std(ddof=1),
        "coverage_before": before.coverage(target),
        "coverage_after": after.coverage(target),
    }
