"""Assumptions of an estimate that an error budget changes, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sklearn.base import clone

from dustest.data.checks.records import expect, is_text
from dustest.data.errors import InputError
from dustest.estimators.bagpipes import BagpipesEstimator
from dustest.estimators.cnn import CNNEstimator
from dustest.estimators.fusion import FusionEstimator
from dustest.estimators.meurer import MeurerEstimator

__all__ = ["UNAVAILABLE", "Variation", "default_variations"]

UNAVAILABLE = {
    "stellar library and IMF": (
        "SED fits have one grid of stellar populations, BC03 with the initial mass function of "
        "Kroupa: a second grid is needed"
    ),
}
"""Assumptions that no estimator of dustest can change, with the reason."""
_UNCALIBRATED = "uncalibrated"
_HISTORIES = ("lognormal", "delayed", "constant", "delayed_burst", "continuity")
_LAWS = ("Calzetti", "SMC", "CCM89", "Salim")
_A_V, _PRIOR = "dust:Av", "dust:Av_prior"
_LIMITS = 1e-4, 10.0
"""Limits of A_V in fits that do not set them."""
_RELATIONS = ("Meurer99", "Takeuchi12", "Reddy15", "Reddy18-SMC")
_SLOPE = "UV slope"
_METHODS = {
    "SED fit": BagpipesEstimator,
    _SLOPE: MeurerEstimator,
    "network": CNNEstimator,
    "fusion": FusionEstimator,
}
_TRAINED = {"network": "nircam-3band", "fusion": "nircam-3band+photometry"}


@dataclass(frozen=True)
class Variation:
    """One assumption changed, and what the result is compared with.

    Parameters
    ----------
    assumption : str
        What is changed, such as ``"prior"`` or ``"dust law"``. Variations with the same assumption
        are summarised together.
    changes : dict of str to object, optional
        Parameters of the estimator with their other values.
    estimator : DustEstimator, optional
        Another estimator, fitted if it learns; by default the one that this is compared with.
    against : str, optional
        Name of the variation that this is compared with; by default the reference.

    Raises
    ------
    InputError
        If the assumption is not a text, or neither parameters nor the estimator change.

    Examples
    --------
    >>> from dustest.studies import Variation
    >>> Variation("dust law", {"dust_law": "SMC"}).changes
    {'dust_law': 'SMC'}
    """

    assumption: str
    changes: Mapping = field(default_factory=dict)
    estimator: object = None
    against: str | None = None

    def __post_init__(self):
        expect(is_text(self.assumption), "assumption", "a text", self.assumption)
        if not isinstance(self.changes, Mapping):
            msg = f"changes must be a dict of parameters, got {self.changes!r}"
            raise InputError(msg)
        if not self.changes and self.estimator is None:
            msg = "changes must name a parameter, or estimator be another one, got neither"
            raise InputError(msg)

    def applied_to(self, estimator):
        """Make the estimator of the variation.

        Parameters
        ----------
        estimator : DustEstimator
            The estimator that the variation is compared with.

        Returns
        -------
        DustEstimator
            A copy with other parameters, or the other estimator itself if it has no ``changes``.

        Raises
        ------
        ValueError
            If the estimator does not have a parameter.
        """
        used = estimator if self.estimator is None else self.estimator
        return clone(used).set_params(**self.changes) if self.changes else used


def default_variations(reference, random_state=None):
    """List the variations of an error budget.

    Parameters
    ----------
    reference : DustEstimator
        The estimator of the budget.
    random_state : int, Generator or None, optional
        Seed of the other methods.

    Returns
    -------
    variations : dict of str to Variation
        Variations by name. Those of an SED fit are its prior of A_V, its history and its dust
        law; those of a UV slope its relation. All have the other methods with their default
        parameters and the networks that come with dustest, and relations of the slope.
        A reference without a calibration is also calibrated for JADES-deep. For one that has a
        calibration, prior, history, law and relation are compared with the same method
        without it.

    Notes
    -----
    Each relation is converted to A_V with the law that it goes with.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.studies import default_variations
    >>> [name for name, one in default_variations(MeurerEstimator()).items()
    ...  if one.assumption == "IRX-beta relation"]
    ['Meurer99', 'Takeuchi12', 'Reddy15']
    """
    calibration, against = _calibrations(reference)
    found = _of_fit(reference, against) if isinstance(reference, BagpipesEstimator) else {}
    found |= calibration | _methods(reference, random_state) | _relations(reference, against)
    return found


def _calibrations(reference):
    """Variation of the calibration, and the name of the one without it."""
    if "calibration" not in reference.get_params(deep=False):
        return {}, None
    if reference.calibration is None:
        return {"JADES-deep": Variation("calibration", {"calibration": "JADES-deep"})}, None
    return {_UNCALIBRATED: Variation("calibration", {"calibration": None})}, _UNCALIBRATED


def _of_fit(fit, against):
    """Prior, history and law of an SED fit."""
    chosen = fit.params_in_use
    name, priors = _other_prior(chosen["priors"])
    joint = (*chosen["joint_priors"], "A_V_of_mass")
    found = {
        name: Variation("prior", {"priors": priors}, against=against),
        "A_V of mass": Variation("prior", {"joint_priors": joint}, against=against),
    }
    for assumption, parameter, values in (
        ("star-formation history", "sfh", _HISTORIES),
        ("dust law", "dust_law", _LAWS),
    ):
        found |= {
            value: Variation(assumption, {parameter: value}, against=against)
            for value in values
            if value != chosen[parameter]
        }
    return found


def _other_prior(priors):
    """A prior of A_V flat in its logarithm if it is flat in A_V, otherwise the latter."""
    if priors.get(_PRIOR) != "uniform":
        return "flat prior", priors | {_PRIOR: "uniform"}
    low, high = priors.get(_A_V, _LIMITS)
    return "log prior", priors | {_PRIOR: "log_10", _A_V: (max(low, _LIMITS[0]), high)}


def _methods(reference, random_state):
    """Other methods with their default parameters, or as they come with dustest."""
    return {
        name: Variation("method", estimator=_method(name, kind, random_state))
        for name, kind in _METHODS.items()
        if not isinstance(reference, kind)
    }


def _method(name, kind, random_state):
    """A method with its seed, if it has one."""
    method = kind.from_pretrained(_TRAINED[name]) if name in _TRAINED else kind()
    if "random_state" in method.get_params(deep=False):
        method.set_params(random_state=random_state)
    return method


def _relations(reference, against):
    """Other relations of the slope: of the reference, or of the method."""
    slope = reference if isinstance(reference, MeurerEstimator) else MeurerEstimator()
    compared_with = against if slope is reference else _SLOPE
    return {
        name: Variation(
            "IRX-beta relation", {"relation": name, "dust_law": None}, against=compared_with
        )
        for name in _RELATIONS
        if name != slope.params_in_use["relation"]
    }
