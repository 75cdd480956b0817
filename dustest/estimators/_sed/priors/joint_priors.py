"""Joint priors of a fit: their names, and which parameters and quantities they are of."""

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.estimators._sed.posterior import DRAWN
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior, fit_name
from dustest.physics.joint_priors import get_joint_prior

__all__ = ["AGE_OF_UNIVERSE", "check_joint_priors", "joint_priors_of", "weigh_models"]

AGE_OF_UNIVERSE = "age_of_universe"
_ANY_REDSHIFT = 0.01


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
    every = [_prior_of(model) for model in models]
    known = {*DRAWN, "redshift", AGE_OF_UNIVERSE}
    known = known.union(*((*prior.free, *prior.fixed) for prior in every))
    for one in priors:
        for name in (one.quantity, *one.given):
            if name not in known:
                msg = (
                    f"the joint prior {one.name!r} needs {name!r}, which the models of the fit do "
                    f"not have: {did_you_mean(name, known)}name it in priors if it is a parameter "
                    "that the fit could have, or leave the joint prior out"
                )
                raise InputError(msg)
    _check_order(priors)


def weigh_models(model):
    """Whether joint priors of a model are weights of its models, not its prior itself.

    Parameters
    ----------
    model : Settings
        Settings of the model.

    Returns
    -------
    bool
        False without joint priors too.
    """
    return len(_prior_of(model).conditional) < len(model.joint_priors)


def _prior_of(model):
    """The prior of a model at any redshift."""
    arguments = model.sfh, model.dust_law, _ANY_REDSHIFT, None, model.priors, model.cosmology
    instructions = fit_instructions(*arguments, components=model.components)
    return SEDPrior(instructions, joint=model.joint_priors)


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
