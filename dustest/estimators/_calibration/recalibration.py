"""Calibration of posteriors: distributions of the truth given what an estimator says.

What an estimator says of a galaxy, medians and widths of its posterior, and the conditions of its
data are the inputs of networks that predict quantiles of the truth. They correct bias and widths,
also where the truth is outside all draws. Ranks of the truth in their distributions then say which
quantile is read in place of which, as for trained networks.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from scipy.special import ndtri
from sklearn.model_selection import GroupKFold

from dustest.data.errors import InputError
from dustest.estimators._calibration.levels import Calibration
from dustest.estimators._calibration.mean_posterior import MeanPosterior
from dustest.estimators._calibration.normal_scores import NormalScores
from dustest.estimators._calibration.quantile_network import DEVIATES, QuantileNetwork
from dustest.estimators._calibration.summaries import PROBABILITIES, summaries_of

__all__ = ["FEWEST_GALAXIES", "Recalibration"]

FEWEST_GALAXIES = 500
"""Smallest number of galaxies with known truth from which a calibration is learned."""

_N_FOLDS = 5
_N_DRAWS = 512
_MEDIAN = PROBABILITIES.index(0.5)
_MARGIN = 0.05
"""Tolerance beyond the range of the galaxies that were learned from, as a fraction of it."""


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A learned correction of posteriors.

    Parameters
    ----------
    quantities : tuple of str
        Quantities that are corrected.
    inputs : tuple of str
        Quantities whose posteriors are summarised.
    bands : tuple of str
        Bands of the galaxies that were learned from.
    input_scores, truth_scores : NormalScores
        Scales of the inputs of the networks, and of the truth.
    networks : tuple of QuantileNetwork
        Networks whose quantiles are averaged.
    levels : dict of str to Calibration
        Correction of the quantiles of each quantity.
    prior : MeanPosterior
        Mean of the corrected posteriors over the galaxies that were learned from.
    """

    quantities: tuple
    inputs: tuple
    bands: tuple
    input_scores: NormalScores
    truth_scores: NormalScores
    networks: tuple
    levels: dict
    prior: MeanPosterior

    @property
    def prior_statement(self):
        """How the prior of the corrected posteriors is known, by quantity."""
        known = "density of 256 draws: the mean corrected posterior of the calibration galaxies"
        return dict.fromkeys(self.quantities, known)

    @property
    def provenance(self):
        """The corrected quantities, and the digest of the correction, for meta."""
        return {"calibrated": ", ".join(self.quantities), "calibration": self.digest}

    @cached_property
    def digest(self):
        """Digest of the correction in hexadecimal; equal for equal corrections."""
        digest = blake2b(repr((self.quantities, self.inputs, self.bands)).encode(), digest_size=16)
        for name, value in sorted(self.to_arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def to_arrays(self):
        """All arrays by name, in the group of each part (dict of str to ndarray)."""
        arrays = {"inputs/knots": self.input_scores.knots, "truth/knots": self.truth_scores.knots}
        parts = {f"levels/{name}": one for name, one in self.levels.items()}
        for group, part in (parts | {"prior": self.prior}).items():
            arrays |= {f"{group}/{name}": value for name, value in part.to_arrays().items()}
        for number, network in enumerate(self.networks):
            arrays |= {f"network/{number}/{i}": one for i, one in enumerate(network.weights)}
        return arrays

    @classmethod
    def learn(cls, quantiles, draws, truth, conditions, group, seed):
        """Learn from galaxies with known truth.

        Parameters
        ----------
        quantiles : dict of str to ndarray of shape (n, n_levels)
            What the estimator says of each galaxy, by quantity: quantiles at `PROBABILITIES`; NaN
            without an estimate, and but for the median of point estimates.
        draws : dict of str to ndarray of shape (n, n_draws)
            Joint draws of the quantities to correct, which say in which order they are.
        truth : dict of str to ndarray of shape (n,)
            What is true, for the quantities to correct; NaN if unknown.
        conditions : Conditions
            Conditions of the galaxies.
        group : ndarray of shape (n,)
            Groups of galaxies, whose members are views or copies of one galaxy.
        seed : int
            Seed of the training.

        Returns
        -------
        Recalibration
            The correction.

        Raises
        ------
        InputError
            If there are fewer than 500 galaxies with estimates and truth, or fewer than five
            groups.
        """
        columns = _inputs(quantiles, conditions)
        labels = np.stack(list(truth.values()), axis=1)
        medians = np.stack([one[:, _MEDIAN] for one in quantiles.values()], axis=1)
        known = np.isfinite(medians).all(axis=1) & np.isfinite(labels).all(axis=1)
        rows = np.flatnonzero(known)
        _check_numbers(rows, group)
        columns, labels = columns[rows], labels[rows]
        scores = NormalScores.of(columns), NormalScores.of(labels)
        scaled = scores[0].forward(columns), scores[1].forward(labels)
        networks, held_out = _cross_fitted(*scaled, group[rows], seed)
        names = tuple(truth)
        orders = {name: np.argsort(draws[name][rows], axis=1, kind="stable") for name in names}
        drawn = _drawn(names, scores[1], held_out, orders)
        true = dict(zip(names, labels.T, strict=True))
        levels = {
            name: Calibration.learn(name, {name: one}, {name: true[name]})
            for name, one in drawn.items()
        }
        drawn = _levelled(levels, drawn)
        redshift, log_snr = conditions.redshift[rows], conditions.log_snr[rows]
        prior = MeanPosterior.of(redshift, log_snr, drawn, true)
        return cls(names, tuple(quantiles), conditions.bands, *scores, networks, levels, prior)

    def corrected(self, quantiles, draws, conditions, seeds, n_draws=_N_DRAWS):
        """Correct posteriors.

        Parameters
        ----------
        quantiles : dict of str to ndarray of shape (n, n_levels)
            What the estimator says, by quantity: result of `summarise_draws`.
        draws : dict of str to ndarray of shape (n,) or (n, m)
            Draws of the quantities, or point estimates.
        conditions : Conditions
            Conditions of the galaxies.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of draws for point estimates.
        n_draws : int, optional
            Number of draws for point estimates.

        Returns
        -------
        corrected : dict of str to ndarray of shape (n, m)
            Draws of the corrected quantities, each with the rank that it had.
        inside : ndarray of bool of shape (n,)
            Galaxies like those that were learned from; others are not corrected.
        """
        missing = [name for name in self.inputs if name not in quantiles]
        if missing:
            msg = f"the calibration needs draws of {', '.join(missing)}, which there are none of"
            raise InputError(msg)
        columns = _inputs({name: quantiles[name] for name in self.inputs}, conditions)
        inside = self._contains(columns, conditions)
        scaled = self.input_scores.forward(columns)
        found = np.mean([network(scaled) for network in self.networks], axis=0)
        orders = {name: _order(draws[name], seeds, n_draws) for name in self.quantities}
        values = _drawn(self.quantities, self.truth_scores, found, orders)
        return _levelled(self.levels, values), inside

    def _contains(self, columns, conditions):
        """Galaxies within the range of those that were learned from."""
        knots = self.input_scores.knots
        low, high = knots[:, 0], knots[:, -1]
        margin = _MARGIN * (high - low)
        inside = (columns >= low - margin) & (columns <= high + margin)
        unknown = (low == 0.0) & (high == 0.0) & np.isnan(columns)
        others = [band not in self.bands for band in conditions.bands]
        has_others = np.isfinite(conditions.snr[:, others]).any(axis=1)
        return (inside | unknown).all(axis=1) & ~has_others


def _check_numbers(rows, group):
    """Raise an error for too few galaxies."""
    if len(rows) < FEWEST_GALAXIES:
        msg = (
            f"X must have {FEWEST_GALAXIES} galaxies or more with an estimate and known truth, "
            f"got {len(rows)}"
        )
        raise InputError(msg)
    n_groups = len(np.unique(group[rows]))
    if n_groups < _N_FOLDS:
        msg = f"X must have {_N_FOLDS} groups of galaxies or more, got {n_groups}"
        raise InputError(msg)


def _inputs(quantiles, conditions):
    """Inputs of the networks before they are scaled, (n, n_inputs)."""
    return np.concatenate([summaries_of(quantiles), conditions.columns()], axis=1)


def _cross_fitted(inputs, labels, group, seed):
    """A network for each fold, and quantiles of galaxies by the one that has not seen them."""
    splitter = GroupKFold(_N_FOLDS, shuffle=True, random_state=seed % 2**32)
    networks, held_out = [], np.empty((*labels.shape, DEVIATES.size), dtype=np.float32)
    for number, (rows, others) in enumerate(splitter.split(inputs, groups=group)):
        rng = np.random.default_rng([seed, number])
        networks.append(QuantileNetwork.learn(inputs, labels, rows, others, rng))
        held_out[others] = networks[-1](inputs[others])
    return tuple(networks), held_out


def _drawn(names, scores, quantiles, orders):
    """Draws from distributions, in the given order of size."""
    values = {}
    for number, name in enumerate(names):
        order = orders[name]
        ascending = quantiles[:, number] @ _interpolation(order.shape[1])
        column = NormalScores(scores.knots[[number]], scores.largest)
        ascending = column.inverse(ascending[:, None])[:, 0]
        values[name] = np.empty_like(ascending)
        np.put_along_axis(values[name], order, ascending, axis=1)
    return values


def _levelled(levels, draws):
    """Draws after the correction of the levels of their quantiles."""
    return {name: levels[name].corrected({name: one})[name] for name, one in draws.items()}


def _interpolation(n_draws):
    """Matrix from quantiles to evenly spaced draws, linear in Gaussian deviates."""
    wanted = ndtri((np.arange(n_draws) + 0.5) / n_draws)
    low = np.clip(np.searchsorted(DEVIATES, wanted) - 1, 0, DEVIATES.size - 2)
    share = (wanted - DEVIATES[low]) / (DEVIATES[low + 1] - DEVIATES[low])
    matrix = np.zeros((DEVIATES.size, n_draws))
    columns = np.arange(n_draws)
    matrix[low, columns], matrix[low + 1, columns] = 1.0 - share, share
    return matrix


def _order(draws, seeds, n_draws):
    """Draws in ascending order (n, m); a random order for point estimates."""
    draws = np.asarray(draws)
    if draws.ndim == 1:
        return np.array([np.random.default_rng(seed).permutation(n_draws) for seed in seeds])
    order = np.argsort(draws, axis=1, kind="stable")
    return np.broadcast_to(order, (len(seeds), order.shape[1]))
