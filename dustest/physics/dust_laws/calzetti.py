"""The attenuation curve of Calzetti et al. (2000)."""

from dataclasses import dataclass

import numpy as np

from dustest.physics.dust_laws.law import BLUEST_WAVELENGTH, DustLaw

__all__ = ["LAWS", "Calzetti00"]


@dataclass(frozen=True, eq=False)
class Calzetti00(DustLaw):
    """The attenuation curve of local starbursts.

    Measured from 0.12 to 2.2 micron. Blueward it continues as a power law of index -0.77, as in
    Bagpipes; redward its red polynomial continues until it reaches zero (3.1 micron), and stays
    there.

    References
    ----------
    Calzetti et al. 2000, ApJ 533, 682, equation 4; Carnall et al. 2018, MNRAS 480, 4379.

    Examples
    --------
    >>> from dustest.physics import Calzetti00
    >>> Calzetti00().r_v
    4.05
    """

    name = "Calzetti"
    aliases = ("Calzetti00",)
    references = ("Calzetti2000",)
    r_v = 4.05
    wavelength_range = (BLUEST_WAVELENGTH, np.inf)
    _holds_everywhere = True

    def _curve(self, wavelength):
        micron = wavelength / 1e4
        # Held at 0.12 micron so that the polynomial joins the power law that continues blueward.
        x = 1.0 / np.maximum(micron, 0.12)
        blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
        blue = blue * (np.minimum(micron, 0.12) / 0.12) ** -0.77
        red = 2.659 * (-1.857 + 1.040 * x) + 4.05
        return np.where(micron < 0.63, blue, np.maximum(red, 0.0)) / self.r_v


LAWS = (Calzetti00(),)
