"""Optional components of models, of the tables alone: AGN, and far-infrared light of dust."""

from dustest.data.errors import InputError

__all__ = [
    "AGN_FRACTION",
    "AGN_MODELS",
    "AGN_NAMES",
    "COMPONENTS",
    "DUST_EMISSIVITY",
    "DUST_TEMPERATURE",
    "agn_models",
    "check_components",
    "component_of",
    "refuse_components",
]

AGN_FRACTION = "agn:fraction"
"""Share of the AGN in the observed continuum at rest 5100 Angstrom."""
DUST_TEMPERATURE, DUST_EMISSIVITY = "dust:temperature", "dust:emissivity"

COMPONENTS = {
    "agn": {
        AGN_FRACTION: (0.0, 0.99),
        "agn:slope": (-2.6, -0.8),
        "agn:slope_prior": "Gaussian",
        "agn:slope_prior_mu": -1.7,
        "agn:slope_prior_sigma": 0.3,
        "agn:Av": (0.0, 2.0),
        "agn:Av_prior": "Gaussian",
        "agn:Av_prior_mu": 0.0,
        "agn:Av_prior_sigma": 0.3,
    },
    "black_body": {
        "agn:black_body": (0.0, 1.0),
        "agn:temperature": (2000.0, 8000.0),
        "agn:temperature_prior": "Gaussian",
        "agn:temperature_prior_mu": 5000.0,
        "agn:temperature_prior_sigma": 1000.0,
    },
    "far_infrared": {
        DUST_TEMPERATURE: (20.0, 100.0),
        f"{DUST_TEMPERATURE}_prior": "Gaussian",
        f"{DUST_TEMPERATURE}_prior_mu": 45.0,
        f"{DUST_TEMPERATURE}_prior_sigma": 10.0,
        DUST_EMISSIVITY: (1.0, 2.6),
        f"{DUST_EMISSIVITY}_prior": "Gaussian",
        f"{DUST_EMISSIVITY}_prior_mu": 1.8,
        f"{DUST_EMISSIVITY}_prior_sigma": 0.3,
    },
}
"""Default priors of the parameters, by component."""
AGN_MODELS = {False: (), True: ("agn",), "little_red_dot": ("agn", "black_body")}
"""Components of the model by the parameter ``agn`` of the estimator."""
AGN_NAMES = {False: "no_AGN", True: "AGN", "little_red_dot": "little_red_dot"}
"""Names of these models in columns."""
_FLAGGED = "flagged"
_SHARES = (AGN_FRACTION, "agn:black_body")
_POSITIVE = ("agn:temperature", "agn:Av")
_LEAST_TEMPERATURE = 3.0
"""In K, above that of the cosmic microwave background today."""


def agn_models(agn):
    """List the models of a parameter ``agn``.

    Parameters
    ----------
    agn : bool, str or tuple of them
        A key of `AGN_MODELS`, several, or ``"flagged"``.

    Returns
    -------
    tuple
        Keys of `AGN_MODELS`.

    Raises
    ------
    InputError
        If it is none of these, or names a model twice.

    Examples
    --------
    >>> from dustest.estimators._sed.components import agn_models
    >>> agn_models(True), agn_models("flagged")
    ((True,), (False, 'little_red_dot'))
    """
    if isinstance(agn, str) and agn == _FLAGGED:
        return False, "little_red_dot"
    listed = tuple(agn) if isinstance(agn, tuple | list) else (agn,)
    known = [isinstance(one, bool | str) and one in AGN_MODELS for one in listed]
    if not all(known) or not listed or len(set(listed)) < len(listed):
        msg = (
            "agn must be True, False, 'little_red_dot', a tuple of different ones such as (False, "
            f"True), or 'flagged', got {agn!r}"
        )
        raise InputError(msg)
    return listed


def component_of(key):
    """Find the component that a parameter, or the shape of its prior, belongs to.

    Parameters
    ----------
    key : str
        Name in a flat mapping of priors.

    Returns
    -------
    str or None
        Name of the component; None for parameters of stars and their dust.

    Examples
    --------
    >>> from dustest.estimators._sed.components import component_of
    >>> component_of("agn:slope_prior_mu"), component_of("dust:Av")
    ('agn', None)
    """
    parameter = str(key).partition("_prior")[0]
    found = [name for name, flat in COMPONENTS.items() if parameter in flat]
    return found[0] if found else None


def check_components(flat):
    """Raise an error for values that no AGN and no dust has.

    Parameters
    ----------
    flat : dict
        Flat mapping of priors, whose limits are numbers.

    Raises
    ------
    InputError
        If a share is outside 0 to 1, 1 excluded for that of the AGN, or a temperature or an
        attenuation too low.
    """
    for key, value in flat.items():
        if isinstance(value, str) or "_prior" in key:
            continue
        low, high = (value, value) if not isinstance(value, tuple) else value
        if key in _SHARES and not (low >= 0.0 and high <= (0.999 if key == AGN_FRACTION else 1.0)):
            most = 0.999 if key == AGN_FRACTION else 1
            msg = f"priors[{key!r}] must lie from 0 to {most}, as it is a share, got {value!r}"
            raise InputError(msg)
        if key in _POSITIVE and low < 0.0:
            msg = f"priors[{key!r}] must not be negative, got {value!r}"
            raise InputError(msg)
        if key == DUST_TEMPERATURE and low < _LEAST_TEMPERATURE:
            msg = f"priors[{key!r}] must be at least {_LEAST_TEMPERATURE:g} K, got {value!r}"
            raise InputError(msg)


def refuse_components(priors):
    """Raise an error for parameters that Bagpipes itself does not have.

    Parameters
    ----------
    priors : dict or None
        Flat mapping of priors.

    Raises
    ------
    InputError
        If one is among them.
    """
    own = [key for key in priors or {} if component_of(key) is not None]
    if own:
        msg = (
            f"Bagpipes has no {' and no '.join(own)} of dustest: leave priors of it out, or take "
            "engine='tabulated' without escalate"
        )
        raise InputError(msg)
