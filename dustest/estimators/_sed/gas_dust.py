"""Dust in front of the gas: a law of its own, tied to that of the stars by their colour excess."""

from dustest.data.errors import InputError
from dustest.physics import get_dust_law

__all__ = ["GAS_RATIO", "gas_law_of"]

GAS_RATIO = "dust:f"
"""Parameter f = E(B-V) of the stars over that of the gas."""
_USUAL = "CCM89"
_OF_CLOUDS = "dust:eta"


def gas_law_of(nebular_law, prior):
    """Law of the dust in front of the gas.

    Parameters
    ----------
    nebular_law : str, DustLaw, model of dust_extinction or None
        The law, see `~dustest.physics.get_dust_law`.
    prior : SEDPrior
        The prior of the models.

    Returns
    -------
    DustLaw or None
        None if the gas is behind the dust of young stars: neither the law nor f is given.

    Raises
    ------
    InputError
        If there is no such law, f is not above 0, or young stars have dust of their own.
    """
    limits = prior.limits(GAS_RATIO) if GAS_RATIO in prior.free else prior.fixed.get(GAS_RATIO)
    if nebular_law is None and limits is None and GAS_RATIO not in prior.mirrors:
        return None
    if limits is not None and not min(limits if isinstance(limits, tuple) else (limits,)) > 0:
        msg = (
            f"priors[{GAS_RATIO!r}] must be above 0, as it is the colour excess of the stars over "
            f"that of the gas, got {limits!r}"
        )
        raise InputError(msg)
    if _OF_CLOUDS in {*prior.free, *prior.fixed, *prior.mirrors}:
        msg = (
            f"nebular_law and {GAS_RATIO} need a dust_law without birth clouds, as {_OF_CLOUDS} "
            "gives young stars and their gas dust of their own: take another dust_law, or leave "
            f"{_OF_CLOUDS} out of priors"
        )
        raise InputError(msg)
    try:
        return get_dust_law(_USUAL if nebular_law is None else nebular_law)
    except InputError as error:
        msg = f"nebular_law: {error}"
        raise InputError(msg) from error
