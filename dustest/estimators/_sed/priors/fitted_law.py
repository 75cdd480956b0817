"""The dust law of a fit: priors on its shape, and its type in Bagpipes."""

from dataclasses import dataclass

from dustest.data.errors import InputError
from dustest.physics import DustLaw, get_dust_law

__all__ = ["FittedLaw", "fitted_law"]

DUST = "dust:"
_NOT_OF_CURVE = ("eta", "age")
_COVERED = (1500.0, 10_000.0)
"""Angstrom that a law has to cover; beyond its range it is extended."""
_USUAL_AGE = 1e7
_YR_PER_GYR = 1e9
_BAGPIPES = {
    "Calzetti": "Calzetti",
    "SMC": "SMC",
    "CCM89": "Cardelli",
    "Salim": "Salim",
    "CF00": "CF00",
    "power law": "CF00",
}
"""Laws of Bagpipes, and their types there."""
_BAGPIPES_NAMES = {"bump": "B"}
"""Parameters that have another name in Bagpipes."""
_PRIORS = {
    "Salim": {"dust:delta": (-1.2, 0.4), "dust:B": (0.0, 5.0)},
    "CF00": {
        "dust:n": (0.3, 2.5),
        "dust:n_prior": "Gaussian",
        "dust:n_prior_mu": 0.7,
        "dust:n_prior_sigma": 0.3,
        "dust:eta": (1.0, 3.0),
    },
}
"""Priors on the shape of laws that are given by name."""


@dataclass(frozen=True)
class FittedLaw:
    """The dust law of a fit.

    Parameters
    ----------
    law : DustLaw
        The law.
    bagpipes : str or None
        Its type in Bagpipes, None if Bagpipes has no such law.
    priors : dict
        Flat mapping of the parameters of its shape.
    """

    law: DustLaw
    bagpipes: str | None
    priors: dict

    def shape(self, parameters):
        """Parameters of the curve of the law among those of a model.

        Parameters
        ----------
        parameters : dict
            Parameters of a model, by their names in the fit.

        Returns
        -------
        shape : dict
            Those of them that change the curve, by their names in the law.
        """
        names = {name: _name_in_fit(name) for name in self.law.shape if name not in _NOT_OF_CURVE}
        return {name: parameters[key] for name, key in names.items() if key in parameters}

    def r_v(self, parameters):
        """Compute R_V of models.

        Parameters
        ----------
        parameters : dict
            Parameters of models, by their names in the fit.

        Returns
        -------
        r_v : float or ndarray
            A_V / E(B-V).
        """
        return self.law.with_shape(**self.shape(parameters)).r_v


def fitted_law(dust_law, engine="tabulated"):
    """Prepare a dust law for a fit.

    For a name, the shape of the law is free within default priors; a law object has a fixed shape,
    unless priors free it.

    Parameters
    ----------
    dust_law : str, DustLaw or model of dust_extinction
        The law, see `~dustest.physics.get_dust_law`.
    engine : {"tabulated", "bagpipes"}, optional
        Engine that must know the law, for the message.

    Returns
    -------
    fitted : FittedLaw
        The law with its priors.

    Raises
    ------
    InputError
        If there is no such law, it does not cover the light of galaxies, or Bagpipes must know it
        and does not.
    """
    try:
        law = get_dust_law(dust_law)
    except InputError as error:
        msg = f"dust_{str(error).removeprefix('dust_')}"
        raise InputError(msg) from error
    _check_range(law)
    kind = next((kind for name, kind in _BAGPIPES.items() if _is_shape_of(law, name)), None)
    if kind is None and engine == "bagpipes":
        msg = (
            f"Bagpipes has no dust law {law.name!r}, it has {', '.join(_BAGPIPES)}: take "
            "engine='tabulated' without escalate, or one of these"
        )
        raise InputError(msg)
    return FittedLaw(law, kind, _shape_priors(law, named=isinstance(dust_law, str)))


def _check_range(law):
    """Raise an error for a law that covers too little of the light of galaxies."""
    low, high = law.wavelength_range
    if low > _COVERED[0] or high < _COVERED[1]:
        msg = (
            f"dust_law {law.name!r} must cover {_COVERED[0]:.0f} to {_COVERED[1]:.0f} Angstrom in "
            f"fits of SEDs, its range is {low:.0f} to {high:.0f}: take a law that covers them"
        )
        raise InputError(msg)


def _is_shape_of(law, name):
    """Whether a law is a named one of any shape."""
    known = get_dust_law(name)
    return law is known or (law.name == name and law.with_shape(**known.shape) == known)


def _shape_priors(law, *, named):
    """Parameters of the shape of a law as they are, or with the priors of a named law."""
    values = {_name_in_fit(name): value for name, value in law.shape.items() if name != "age"}
    if law.age not in (None, _USUAL_AGE):
        values["t_bc"] = law.age / _YR_PER_GYR
    return values | (_PRIORS.get(law.name, {}) if named else {})


def _name_in_fit(name):
    """Name of a parameter of a law among those of a fit."""
    return f"{DUST}{_BAGPIPES_NAMES.get(name, name)}"
