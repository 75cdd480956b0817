"""Light that no dust covers, and ionising photons that escape: parameters of the tables alone.

Bagpipes has one parameter, ``nebular:fesc``, for stars of birth clouds without dust and without
gas. Here the two are separate: dust covers all stars and their gas but a share, and some ionising
photons make no gas shine, as in `dustest.physics` and the simulator.
"""

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._sed.gas_dust import GAS_RATIO

__all__ = ["ESCAPE_FRACTION", "FRAC_CLEAR", "check_for_bagpipes", "effective_attenuation"]

FRAC_CLEAR = "dust:frac_clear"
"""Share of the light of stars and gas that no dust covers."""
ESCAPE_FRACTION = "nebular:escape_fraction"
"""Share of the ionising photons of young stars that escapes and makes no gas shine."""


def effective_attenuation(attenuation, frac_clear):
    r"""Attenuation of light of which dust covers a part.

    .. math::
        A_{\rm eff} = -2.5 \log_{10} \left[ f + (1 - f)\, 10^{-0.4 A} \right]

    Parameters
    ----------
    attenuation : ndarray of shape (n,)
        That of the dusty part, A, in mag.
    frac_clear : ndarray of shape (n,) or float
        Share f of the light that no dust covers.

    Returns
    -------
    ndarray of shape (n,)
        In mag, at most -2.5 log10 f.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._sed.clear_light import effective_attenuation
    >>> effective_attenuation(np.array([0.5, 1.0, 5.0]), 0.1).round(3)
    array([0.438, 0.847, 2.406])
    """
    return -2.5 * np.log10(frac_clear + (1.0 - frac_clear) * 10.0 ** (-0.4 * attenuation))


def check_for_bagpipes(priors):
    """Raise an error for parameters that only the tables have.

    Parameters
    ----------
    priors : dict or None
        Flat mapping of priors.

    Raises
    ------
    InputError
        If one is among them.
    """
    own = [key for key in (FRAC_CLEAR, ESCAPE_FRACTION, GAS_RATIO) if key in (priors or {})]
    if own:
        msg = (
            f"Bagpipes has no {' and no '.join(own)}: leave priors of it out, or take "
            "engine='tabulated' without escalate"
        )
        raise InputError(msg)
