"""Fits with several histories and dust laws, and their posteriors averaged by evidence."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

from dustest.data.errors import InputError
from dustest.estimators._sed.posterior import (
    A_V,
    N_DRAWS,
    PRIORS,
    Prediction,
    prior_diagnostics,
    stratified_draw,
)
from dustest.estimators._sed.priors.defaults import fitted_history
from dustest.estimators._sed.priors.fitted_law import fitted_law

__all__ = ["Alternatives", "Mixture", "average", "several"]

_STREAM = 3
"""Number of the stream of random numbers of a galaxy from which the average is drawn."""
_NO_LETTER = re.compile(r"\W+")


@dataclass(frozen=True)
class Alternatives:
    """Histories and dust laws of a fit, each one or several.

    Parameters
    ----------
    sfh : str, StarFormationHistory or sequence of them
        Histories, see `~dustest.physics.get_history`.
    dust_law : str, DustLaw, model of dust_extinction or sequence of them
        Laws, see `~dustest.physics.get_dust_law`.

    Raises
    ------
    InputError
        If a sequence is empty, or two of its members have the same name.

    Examples
    --------
    >>> from dustest.estimators._sed.averaging import Alternatives
    >>> models = Alternatives("lognormal", ("Calzetti", "SMC"))
    >>> models.members
    (('lognormal', 'Calzetti'), ('lognormal', 'SMC'))
    >>> models.columns([-1.0, -1.0])["probability_SMC"].item()
    0.5
    """

    sfh: object
    dust_law: object

    def __post_init__(self):
        for name, found in self._names.items():
            if len(set(found)) < len(found) or not found:
                msg = (
                    f"{name} must be one or several with different names, got "
                    f"{getattr(self, name)!r}: name each once, and at least one"
                )
                raise InputError(msg)

    @cached_property
    def members(self):
        """Pairs of history and dust law (tuple of tuple), one for each model."""
        return tuple(product(several(self.sfh), several(self.dust_law)))

    @property
    def are_several(self):
        """Whether a history or a law was given as a sequence, so that posteriors are averaged."""
        return bool(self.axes)

    @property
    def axes(self):
        """Parameters that are sequences, ``"sfh"`` and ``"dust_law"`` (tuple of str)."""
        return tuple(axis for axis in self._axes if _is_several(getattr(self, axis)))

    @property
    def numbers(self):
        """Numbers of the history and the law of each model by axis (list of dict)."""
        numbers = product(*(range(len(names)) for names in self._axes.values()))
        return [dict(zip(self._axes, pair, strict=True)) for pair in numbers]

    @cached_property
    def _names(self):
        """Names of the histories and laws that are found, by parameter."""
        return {
            "sfh": [fitted_history(one).name for one in several(self.sfh)],
            "dust_law": [fitted_law(one).law.name for one in several(self.dust_law)],
        }

    @cached_property
    def _axes(self):
        """Names of the histories and laws as they were given, by parameter."""
        return {
            axis: [
                one if isinstance(one, str) else name
                for one, name in zip(several(getattr(self, axis)), names, strict=True)
            ]
            for axis, names in self._names.items()
        }

    @property
    def column_names(self):
        """Names of the columns of `columns`."""
        return tuple(self.columns(np.zeros(len(self.members))))

    def columns(self, log_evidence):
        """Evidence of each model, and probability of each history and law.

        Parameters
        ----------
        log_evidence : array_like of shape (n_members,)
            Natural logarithms of the evidence of the members.

        Returns
        -------
        dict of str to float
            By column; without names of a parameter that is a single one. Empty if both are.
        """
        shown = self.axes
        if not shown:
            return {}
        names = product(*self._axes.values())
        pairs = [dict(zip(self._axes, pair, strict=True)) for pair in names]
        labels = ["_".join(pair[axis] for axis in shown) for pair in pairs]
        found = {f"log_evidence_{one}": v for one, v in zip(labels, log_evidence, strict=True)}
        probability = softmax(log_evidence)
        for axis in shown:
            for name in self._axes[axis]:
                own = [pair[axis] == name for pair in pairs]
                found[f"probability_{name}"] = np.sum(probability, where=own)
        return {_NO_LETTER.sub("_", name): value for name, value in found.items()}


def _is_several(value):
    """Whether a parameter is a sequence of histories or laws."""
    return isinstance(value, tuple | list)


def several(value):
    """Make a sequence of a parameter that is one history or law, or several.

    Parameters
    ----------
    value : object
        The parameter; tuples and lists are several.

    Returns
    -------
    tuple
        Of its members.
    """
    return tuple(value) if _is_several(value) else (value,)


@dataclass(frozen=True)
class Mixture:
    """Posteriors of several models of which an average is made.

    Parameters
    ----------
    parts : tuple of (int, Posterior)
        Numbers of the models with draws, and their posteriors with as many draws as their
        probability demands.
    order : ndarray of int of shape (N_DRAWS,)
        Positions of the draws in the concatenation of those of the parts.
    columns : dict of str to float
        Evidence and probabilities, see `Alternatives.columns`.
    """

    parts: tuple
    order: np.ndarray
    columns: dict

    def joined(self, values):
        """Values (N_DRAWS,) of the draws from those of each part."""
        return np.concatenate(values)[self.order]


def average(posteriors, alternatives, seed):
    """Average posteriors of one galaxy by their evidence.

    Parameters
    ----------
    posteriors : sequence of Posterior
        One for each model, of equal prior probability.
    alternatives : Alternatives
        The models.
    seed : int
        Seed of the galaxy.

    Returns
    -------
    Posterior
        Its ``prior`` and ``cube`` are those of the most probable model; ``chi2``, ``best`` and
        ``best_values`` those of the best model of all.

    References
    ----------
    Hoeting et al. 1999, Statistical Science 14, 382, equations 1 and 2.
    """
    rng = np.random.default_rng([seed, _STREAM])
    evidence = np.array([one.log_evidence for one in posteriors])
    probability = softmax(evidence)
    counts = _counts(probability, rng)
    mixture = Mixture(
        tuple(
            (k, _some(one, rng.permutation(N_DRAWS)[:count]))
            for k, (one, count) in enumerate(zip(posteriors, counts, strict=True))
            if count
        ),
        rng.permutation(N_DRAWS),
        alternatives.columns(evidence),
    )
    parts = [part for _, part in mixture.parts]
    ess = float(1.0 / np.sum(probability**2 / [one.ess for one in posteriors]))
    information, edge = _diagnostics(parts, ess)
    most, best = posteriors[np.argmax(evidence)], min(posteriors, key=lambda one: one.chi2)
    return replace(
        most,
        draws={name: mixture.joined([part.draws[name] for part in parts]) for name in most.draws},
        a_v_under={name: _under(posteriors, name, rng) for name in most.a_v_under},
        chi2=best.chi2,
        best=best.best,
        best_values=best.best_values,
        fit_probability=float(probability @ [one.fit_probability for one in posteriors]),
        ess=ess,
        log_evidence=float(logsumexp(evidence) - np.log(len(evidence))),
        information=information,
        edge=edge,
        mixture=mixture,
        **_by_band(posteriors, probability),
    )


def _by_band(posteriors, probability):
    """Photometry and what errors there are, averaged over models that all have them."""
    found = {}
    if all(one.predicted is not None for one in posteriors):
        found["predicted"] = Prediction.average([one.predicted for one in posteriors], probability)
    if all(one.outlier is not None for one in posteriors):
        found["outlier"] = probability @ np.stack([one.outlier for one in posteriors])
    if all(one.fractional_error is not None for one in posteriors):
        found["fractional_error"] = {
            name: float(probability @ [one.fractional_error[name] for one in posteriors])
            for name in posteriors[0].fractional_error
        }
    return found


def _counts(probability, rng):
    """Numbers of draws of the models, within one of their probability times all draws."""
    ends = np.floor(np.append(0.0, np.cumsum(probability)) * N_DRAWS + rng.random())
    ends[-1] = N_DRAWS + ends[0]
    return np.diff(ends).astype(int)


def _some(posterior, index):
    """A posterior with some of its draws."""
    draws = {name: values[index] for name, values in posterior.draws.items()}
    return replace(posterior, draws=draws, cube=posterior.cube[index])


def _diagnostics(parts, ess):
    """Information of the data on A_V, and probability of its edges, from the draws of models."""
    if not all(A_V in part.prior.free for part in parts):
        return np.nan, np.nan
    place = [part.cube[:, part.prior.free.index(A_V)] for part in parts]
    cube = np.concatenate(place)[:, np.newaxis]
    return prior_diagnostics([A_V], cube, np.full(len(cube), 1.0 / len(cube)), ess)


def _under(posteriors, name, rng):
    """Draws of A_V under another prior, which changes the evidence of each model as well."""
    evidence = [
        one.log_evidence + logsumexp(one.prior.log_ratio_to(PRIORS[name], A_V, one.cube))
        for one in posteriors
    ]
    weight = np.repeat(softmax(evidence) / N_DRAWS, N_DRAWS)
    a_v = np.concatenate([one.a_v_under[name] for one in posteriors])
    return a_v[stratified_draw(weight, N_DRAWS, rng, a_v)]
