"""Joint priors of a fit: their names, and which parameters and quantities they are of."""

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.estimators._sed.posterior import A_V, DRAWN
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.physics.joint_priors import get_joint_prior

__all__ = ["AGE_OF_UNIVERSE", "check_joint_priors", "fit_name", "joint_priors_of"]

AGE_OF_UNIVERSE = "age_of_universe"
_ANY_REDSHIFT = 0.01


def fit_name(quantity):
    """Name of a quantity among the parameters of a fit, if it is one of them.

    Parameters
    ----------
    quantity : str
        Name of a quantity or parameter.

    Returns
    -------
    str
        The name.
    """
    return A_V if quantity == "A_V" else quantity


def joint_priors_of(given):
    """Look up joint priors.

    Parameters
    ----------
    given : tuple of str or JointPrior
        Names or records.

    Returns
    -------
    tuple of JointPrior
        The records.

    Raises
    ------
    InputError
        If it is no sequence, or there is none of a name.
    """
    if not isinstance(given, tuple | list):
        msg = f"joint_priors must be a tuple of names or JointPrior, got {given!r}"
        raise InputError(msg)
    return tuple(map(get_joint_prior, given))


def check_joint_priors(priors, models):
    """Raise an error for joint priors of what no model has, or of two of one quantity.

    Parameters
    ----------
    priors : sequence of JointPrior
        The priors.
    models : sequence of Settings
        Settings of the models.

    Raises
    ------
    InputError
        If there is such a prior, or priors condition on each other in a circle.
    """
    known = {*DRAWN, "redshift", AGE_OF_UNIVERSE}.union(*map(_parameters, models))
    for one in priors:
        for name in (one.quantity, *one.given):
            if name not in known:
                msg = (
                    f"the joint prior {one.name!r} needs {name!r}, which the models of the fit do "
                    f"not have: {did_you_mean(name, known)}leave it out of joint_priors"
                )
                raise InputError(msg)
    _check_order(priors)


def _parameters(model):
    """Names of the parameters of a model."""
    arguments = model.sfh, model.dust_law, _ANY_REDSHIFT, None, model.priors, model.cosmology
    prior = SEDPrior(fit_instructions(*arguments))
    return {*prior.free, *prior.fixed}


def _check_order(priors):
    """Raise an error for two priors of one quantity, and for circles."""
    given = {fit_name(one.quantity): {*map(fit_name, one.given)} for one in priors}
    left = {name: sources & given.keys() for name, sources in given.items()}
    while done := {name for name, sources in left.items() if not sources}:
        left = {name: sources - done for name, sources in left.items() if name not in done}
    if left or len(given) < len(priors):
        names = ", ".join(one.name for one in priors)
        msg = (
            "joint_priors must be of different quantities that do not depend on each other in a "
            f"circle, got {names}: leave out one of them"
        )
        raise InputError(msg)
