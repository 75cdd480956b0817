"""Latent targets: what the networks learn of a galaxy, and the quantities that follow from it.

They are asinh(A_V / 0.1), ln R_V and log sSFR, so that E(B-V) = A_V / R_V by construction.
"""

import numpy as np

__all__ = ["LATENTS", "from_latent", "to_latent"]

LATENTS = ("asinh_A_V", "ln_R_V", "log_sSFR")

_SOFTENING = 0.1
_TYPICAL_R_V = 4.05
# A_V that stands for none, in mag: at zero itself A_V / E(B-V) would not be R_V any more.
_LEAST_A_V = 1e-6
# Beyond any dust, yet far from what overflows.
_MOST_LATENT = 50.0


def to_latent(A_V=None, E_BV=None, log_sSFR=None):
    """Latent targets of true values.

    Parameters
    ----------
    A_V, E_BV, log_sSFR : array_like of shape (n,), optional
        Truth in the units of `~dustest.data.QUANTITIES`; at least one of them. Where E(B-V)
        comes without A_V, R_V is taken to be 4.05.

    Returns
    -------
    latent : ndarray of shape (n, 3)
        In the order of `LATENTS`; NaN, which the loss leaves out, where a quantity is not given
        or not defined: R_V is not where there is no dust.
    """
    if A_V is None and E_BV is not None:
        A_V = _TYPICAL_R_V * np.asarray(E_BV, dtype=float)
    given = (A_V, E_BV, log_sSFR)
    columns = [np.nan if value is None else np.asarray(value, float) for value in given]
    total, excess, log_ssfr = np.broadcast_arrays(*columns)
    has_ratio = (total >= _LEAST_A_V) & (excess > 0)
    ratio = np.full(total.shape, np.nan)
    np.divide(total, excess, out=ratio, where=has_ratio)
    return np.stack([np.arcsinh(total / _SOFTENING), np.log(ratio), log_ssfr], axis=-1)


def from_latent(latent):
    """Quantities of latent targets.

    Parameters
    ----------
    latent : ndarray of shape (..., 3)
        In the order of `LATENTS`.

    Returns
    -------
    dict of str to ndarray of shape (...)
        A_V and E_BV in mag, log_sSFR in dex of 1/yr. A_V is at least 1e-6 mag, so that
        A_V / E_BV is R_V everywhere.
    """
    bounded = np.clip(latent[..., :2], -_MOST_LATENT, _MOST_LATENT)
    A_V = np.maximum(_SOFTENING * np.sinh(bounded[..., 0]), _LEAST_A_V)
    return {"A_V": A_V, "E_BV": A_V * np.exp(-bounded[..., 1]), "log_sSFR": latent[..., 2]}
