"""The cosmology of Bagpipes, and the check of a caller's."""

from astropy.cosmology import FLRW, FlatLambdaCDM

from dustest.data.errors import InputError

__all__ = ["BAGPIPES_COSMOLOGY", "check_cosmology"]

BAGPIPES_COSMOLOGY = FlatLambdaCDM(H0=70.0, Om0=0.3)
"""The cosmology of Bagpipes, whose age today ends the grid of stellar ages."""


def check_cosmology(cosmology):
    """Raise an error for anything that is not an astropy cosmology.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `~astropy.cosmology.FLRW`
        The same.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if not isinstance(cosmology, FLRW):
        msg = (
            "cosmology must be one of astropy such as astropy.cosmology.Planck18, got "
            f"{type(cosmology).__name__} {cosmology!r:.50}"
        )
        raise InputError(msg)
    return cosmology
