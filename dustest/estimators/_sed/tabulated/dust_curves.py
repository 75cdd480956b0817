"""Attenuation curves of Bagpipes at some wavelengths, for many shapes of a law at once."""

import numpy as np

from dustest.data.errors import InputError

__all__ = ["SHAPES", "DustCurve"]

SHAPES = {"Calzetti": (), "Cardelli": (), "SMC": (), "Salim": ("delta", "B"), "CF00": ("n",)}
"""Parameters of the shape of each law, by their names in Bagpipes."""
_VISUAL = 5500.0  # Angstrom, where Bagpipes counts A_V
_SALIM_R_V = 4.05
_SALIM_BLUE = 4400.0  # Angstrom, of the blue end of its R_V


class DustCurve:
    """A / A_V of one law at some wavelengths.

    Parameters
    ----------
    kind : str
        Name of the law in Bagpipes, a key of `SHAPES`.
    light : BandLight
        What knows the curves of Bagpipes.
    places : ndarray of int or slice
        Places among the wavelengths of the light.

    Raises
    ------
    InputError
        If the law is unknown.
    """

    def __init__(self, kind, light, places):
        if kind not in SHAPES:
            msg = f"dust_law_kind must be one of {', '.join(SHAPES)}, got {kind!r}"
            raise InputError(msg)
        self.kind = kind
        neutral = dict.fromkeys(SHAPES[kind], 0.0)
        self._base = light.attenuation(kind, neutral)[places].astype(np.float32)
        self._log_ratio = np.log(light.wavelength[places] / _VISUAL).astype(np.float32)
        if kind == "Salim":
            bumped = light.attenuation(kind, neutral | {"B": 1.0})[places]
            self._bump = (bumped - self._base).astype(np.float32)

    def at(self, shape):
        """The curve for some shapes.

        Parameters
        ----------
        shape : dict of str to ndarray of shape (n,) or (1,)
            Parameters of its shape.

        Returns
        -------
        ndarray of shape (n, n_wave) or (1, n_wave)
            A / A_V, in single precision.
        """
        columns = {name: np.float32(values)[:, np.newaxis] for name, values in shape.items()}
        if self.kind == "CF00":
            return np.exp(-columns["n"] * self._log_ratio)
        if self.kind == "Salim":
            return self._tilted(columns["delta"], columns["B"])
        return self._base[np.newaxis]

    def _tilted(self, delta, bump):
        """Calzetti's curve, tilted, with a bump whose height is relative to E(B-V)."""
        # Salim et al. (2018, ApJ 859, 11), equations 3 and 4.
        blue = (_SALIM_BLUE / _VISUAL) ** delta
        strength = bump * ((_SALIM_R_V + 1.0) * blue - _SALIM_R_V)
        return self._base * np.exp(delta * self._log_ratio) + strength * self._bump
