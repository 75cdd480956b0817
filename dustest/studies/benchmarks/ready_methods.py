"""The methods that need no training, and the trained ones that come with dustest."""

from dustest.data.surveys import SURVEYS
from dustest.estimators import get_estimator, list_estimators

__all__ = ["ready_methods"]

_MASS = "log_mass"


def ready_methods(survey=None, random_state=0):
    """Make the methods that a benchmark compares with.

    Parameters
    ----------
    survey : str, optional
        Survey whose calibrations are used, besides the methods without calibration.
    random_state : int, optional
        Seed of the methods.

    Returns
    -------
    methods : dict of str to DustEstimator
        By name: installed estimators that do not learn, with each of their presets, with and
        without calibration, and trained models of the others.

    Examples
    --------
    >>> from dustest.studies import ready_methods
    >>> list(ready_methods("JADES-deep"))[:2]
    ['bagpipes', 'bagpipes, Fu']
    """
    methods = {}
    for name in list_estimators():
        one = get_estimator(name)
        if one.pretrained:
            methods |= {model: type(one).from_pretrained(model) for model in one.pretrained}
        elif not (one.needs_estimators or one.__sklearn_tags__().requires_fit):
            methods |= _untrained(name, one, survey)
    return {name: _set_up(one, random_state) for name, one in methods.items()}


def _untrained(name, method, survey):
    """A method that needs no training, with each of its presets, as it is and calibrated."""
    chosen = {name: {}}
    for preset in getattr(method, "presets", ()):
        if preset != method.preset:
            chosen[f"{name}, {preset}"] = {"preset": preset}
    if survey in SURVEYS and "calibration" in method.get_params(deep=False):
        calibration = {"calibration": survey}
        chosen |= {f"{key}, calibrated": one | calibration for key, one in chosen.items()}
    return {key: get_estimator(name, **parameters) for key, parameters in chosen.items()}


def _set_up(method, random_state):
    """A method with its seed, and with masses if it has them on request."""
    parameters = method.get_params(deep=False)
    if "random_state" in parameters:
        method.set_params(random_state=random_state)
    if "extra" in parameters and _MASS in (method.gives or ()):
        method.set_params(extra=(*method.extra, _MASS))
    return method
