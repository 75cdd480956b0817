"""Fits with several histories and dust laws, and their posteriors averaged by evidence."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

from dustest.data.errors import InputError
from dustest.estimators._sed.components import AGN_NAMES, agn_models
from dustest.estimators._sed.far_infrared import InfraredCheck
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
    """Histories, dust laws and AGN of a fit, each one or several.

    Parameters
    ----------
    sfh : str, StarFormationHistory or sequence of them
        Histories, see `~dustest.physics.get_history`.
    dust_law : str, DustLaw, model of dust_extinction or sequence of them
        Laws, see `~dustest.physics.get_dust_law`.
    agn : bool, str or sequence of them, optional
        Whether models have an AGN, see `agn_models`.

    Raises
    ------
    InputError
        If a sequence is empty, or two of its members have the same name.

    Examples
    --------
    >>> from dustest.estimators._sed.averaging import Alternatives
    >>> models = Alternatives("lognormal", ("Calzetti", "SMC"))
    >>> models.members
    (('lognormal', 'Calzetti', False), ('lognormal', 'SMC', False))
    >>> models.columns([-1.0, -1.0])["probability_SMC"].item()
    0.5
    """

    sfh: object
    dust_law: object
    agn: object = False

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
        """History, dust law and AGN (tuple of tuple), for each model."""
        models = product(agn_models(self.agn), several(self.sfh), several(self.dust_law))
        return tuple((sfh, law, agn) for agn, sfh, law in models)

    @property
    def without_agn(self):
        """The models without an AGN, which are the first ones (Alternatives)."""
        return replace(self, agn=(False,))

    @property
    def are_several(self):
        """Whether a parameter was given as a sequence, so that posteriors are averaged."""
        return bool(self.axes)

    @property
    def axes(self):
        """Parameters that are sequences, ``"sfh"``, ``"dust_law"``, ``"agn"`` (tuple of str)."""
        given = {"sfh": self.sfh, "dust_law": self.dust_law}
        found = tuple(axis for axis, value in given.items() if _is_several(value))
        return found + ("agn",) * (_is_several(self.agn) or len(agn_models(self.agn)) > 1)

    @property
    def numbers(self):
        """Numbers of the history, the law and the AGN of each model by axis (list of dict)."""
        numbers = product(*(range(len(names)) for names in self._axes.values()))
        return [dict(zip(self._axes, pair, strict=True)) for pair in numbers]

    @cached_property
    def _names(self):
        """Names of the AGN, histories and laws that are found, by parameter."""
        return {
            "agn": [AGN_NAMES[one] for one in agn_models(self.agn)],
            "sfh": [fitted_history(one).name for one in several(self.sfh)],
            "dust_law": [fitted_law(one).law.name for one in several(self.dust_law)],
        }

    @cached_property
    def _axes(self):
        """Names of the histories, laws and AGN as they were given, by parameter."""
        given = {axis: several(getattr(self, axis)) for axis in ("sfh", "dust_law")}
        shown = {
            axis: [
                one if isinstance(one, str) else name
                for one, name in zip(values, self._names[axis], strict=True)
            ]
            for axis, values in given.items()
        }
        return {"agn": self._names["agn"]} | shown

    @property
    def column_names(self):
        """Names of the columns of `columns`."""
        return tuple(self.columns(np.zeros(len(self.members))))

    def columns(self, log_evidence):
        """Evidence of each model, and probability of each history, law and AGN.

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
    names = dict.fromkeys(name for one in posteriors for name in one.draws)
    return replace(
        most,
        draws={name: mixture.joined([_drawn(part, name) for part in parts]) for name in names},
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
        infrared=_infrared(posteriors, probability, rng),
        by_agn=_by_agn(posteriors, alternatives, rng),
        **_by_band(posteriors, probability),
    )


def _drawn(posterior, name):
    """Draws of a quantity; a model without an AGN has none of its light."""
    return posterior.draws.get(name, np.zeros(len(posterior.cube)))


def _infrared(posteriors, probability, rng):
    """What fits without the far-infrared data say, averaged by their evidence."""
    parts = [one.infrared for one in posteriors]
    if any(part is None for part in parts):
        return None
    evidence = np.array([part.log_evidence for part in parts])
    return InfraredCheck(
        float(probability @ [part.probability for part in parts]),
        _averaged([part.a_v for part in parts], evidence, rng),
        float(logsumexp(evidence) - np.log(len(parts))),
    )


def _by_agn(posteriors, alternatives, rng):
    """Draws of A_V by the AGN of the models, averaged over histories and laws."""
    if "agn" not in alternatives.axes:
        return {}
    found = {}
    for one in agn_models(alternatives.agn):
        own = [
            part
            for part, member in zip(posteriors, alternatives.members, strict=True)
            if member[-1] == one
        ]
        evidence = np.array([part.log_evidence for part in own])
        found[AGN_NAMES[one]] = _averaged([part.draws["A_V"] for part in own], evidence, rng)
    return found


def _averaged(draws, log_evidence, rng):
    """Draws of several models, each in proportion to its evidence."""
    weight = np.repeat(softmax(log_evidence) / N_DRAWS, N_DRAWS)
    values = np.concatenate(draws)
    return values[stratified_draw(weight, N_DRAWS, rng, values)]


def _by_band(posteriors, probability):
    """Photometry and what errors there are, averaged over models that all have them."""
    found = {}
    if all(one.predicted is not None for one in posteriors):
        found["predicted"] = Prediction.average([one.predicted for one in posteriors], probability)
    if all(one.seds is not None for one in posteriors):
        found["seds"] = Prediction.average([one.seds for one in posteriors], probability)
    if all(one.spectrum is not None for one in posteriors):
        found["spectrum"] = _spectrum(posteriors, probability)
    if all(one.outlier is not None for one in posteriors):
        found["outlier"] = probability @ np.stack([one.outlier for one in posteriors])
    if all(one.fractional_error is not None for one in posteriors):
        found["fractional_error"] = {
            name: float(probability @ [one.fractional_error[name] for one in posteriors])
            for name in posteriors[0].fractional_error
        }
    return found


def _spectrum(posteriors, probability):
    """Mean and standard deviation of spectra within models and between them."""
    means, deviations = np.stack([one.spectrum for one in posteriors], axis=1)
    mean = probability @ means
    variance = probability @ (np.square(deviations) + np.square(means - mean))
    return np.array([mean, np.sqrt(variance)])


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
