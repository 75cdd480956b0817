"""The attenuation curve of Reddy et al. (2015)."""

from dataclasses import dataclass

import numpy as np

from dustest.physics.dust_laws.law import DustLaw

__all__ = ["LAWS", "Reddy15"]


@dataclass(frozen=True, eq=False)
class Reddy15(DustLaw):
    """The attenuation curve of star-forming galaxies at z = 1.4 to 2.6, from the MOSDEF survey.

    Measured from 0.15 to 2.85 micron; from 0.095 to 0.15 micron the curve is that of Reddy et al.
    2016, measured at z = 3, which continues it.

    References
    ----------
    Reddy et al. 2015, ApJ 806, 259, equation 8; Reddy et al. 2016, ApJ 828, 107.

    Examples
    --------
    >>> from dustest.physics import Reddy15
    >>> Reddy15().r_v, float(Reddy15().k(1600.0).round(2))
    (2.505, 8.38)
    """

    name = "Reddy15"
    references = ("Reddy2015", "Reddy2016")
    r_v = 2.505
    wavelength_range = (950.0, 28_500.0)

    def _curve(self, wavelength):
        x = 1e4 / wavelength
        k = np.select(
            [x > 1.0 / 0.15, x > 1.0 / 0.60],
            [2.191 + 0.974 * x, -5.726 + 4.004 * x - 0.525 * x**2 + 0.029 * x**3 + 2.505],
            -2.672 - 0.010 * x + 1.532 * x**2 - 0.412 * x**3 + 2.505,
        )
        return k / self.r_v


LAWS = (Reddy15(),)
