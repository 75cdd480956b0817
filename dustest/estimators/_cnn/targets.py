"""Latent targets: quantities in the form that networks learn.

They are transforms of quantities, such as asinh(A_V / 0.1), ln R_V and log sSFR, so that E(B-V) =
A_V / R_V by construction.
"""

import numpy as np

from dustest.data.quantities import QUANTITIES, Latent
from dustest.physics.dust_laws.calzetti import Calzetti00

__all__ = ["LATENTS", "from_latent", "latent_names", "learnable", "to_latent"]

LATENTS = ("A_V", "R_V", "log_sSFR")
"""Quantities whose transforms all networks learn, known or not; files of older networks, which do
not record theirs, have these."""

_TYPICAL_R_V = Calzetti00.r_v
# A_V of galaxies without dust, in mag: at zero itself, A_V / E(B-V) would not be R_V.
_LEAST_A_V = 1e-6
# More than any dust, yet far below overflow.
_MOST_LATENT = 50.0


def learnable():
    """List the quantities that networks can learn.

    Returns
    -------
    names : tuple of str
        All that are not derived from others; R_V follows from A_V and E_BV.
    """
    return tuple(name for name, quantity in QUANTITIES.items() if quantity.derivation is None)


def latent_names(targets):
    """List the quantities whose transforms a network learns.

    Parameters
    ----------
    targets : sequence of str
        Requested quantities.

    Returns
    -------
    names : tuple of str
        `LATENTS`, and further requested ones.
    """
    return (*LATENTS, *(name for name in targets if name not in (*LATENTS, "E_BV")))


def to_latent(truth, names=LATENTS):
    """Latent targets of true values.

    Parameters
    ----------
    truth : dict of str to array_like of shape (n,)
        Truth by quantity in the units of `~dustest.data.QUANTITIES`; at least one. If E(B-V) is
        given without A_V, R_V is taken to be that of Calzetti et al. (2000), 4.05.
    names : sequence of str, optional
        Requested quantities, from `latent_names`.

    Returns
    -------
    latent : ndarray of shape (n, n_names)
        NaN, which the loss leaves out, if a quantity is not given or undefined, as R_V without
        dust.
    """
    known = {name: np.asarray(values, dtype=float) for name, values in truth.items()}
    if "E_BV" in known:
        known.setdefault("A_V", _TYPICAL_R_V * known["E_BV"])
        known["R_V"] = _ratio(known["A_V"], known["E_BV"])
    *columns, unknown = np.broadcast_arrays(*known.values(), np.nan)
    known = dict(zip(known, columns, strict=True))
    return np.stack(
        [QUANTITIES[name].latent.latent(known.get(name, unknown)) for name in names], axis=-1
    )


def _ratio(total, excess):
    """R_V if there is dust."""
    has_ratio = (total >= _LEAST_A_V) & (excess > 0)
    ratio = np.full(np.broadcast_shapes(total.shape, excess.shape), np.nan)
    return np.divide(total, excess, out=ratio, where=has_ratio)


def from_latent(latent, names=LATENTS):
    """Quantities of latent targets.

    Parameters
    ----------
    latent : ndarray of shape (..., n_names)
        In the order of the names.
    names : sequence of str, optional
        As in `to_latent`.

    Returns
    -------
    dict of str to ndarray of shape (...)
        By quantity, in the units of `~dustest.data.QUANTITIES`, with E_BV in place of R_V. A_V is
        at least 1e-6 mag, so that A_V / E_BV is R_V everywhere.
    """
    values = {}
    for name, column in zip(names, np.moveaxis(latent, -1, 0), strict=True):
        transform = QUANTITIES[name].latent
        # Values without transform do not overflow.
        most = np.inf if transform == Latent() else _MOST_LATENT
        values[name] = transform.values(np.clip(column, -most, most))
    values["A_V"] = np.maximum(values["A_V"], _LEAST_A_V)
    return values | {"E_BV": values["A_V"] / values.pop("R_V")}
