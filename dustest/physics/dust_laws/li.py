"""The extinction formula of Li et al. (2008)."""

from dataclasses import dataclass

import numpy as np

from dustest.physics.dust_laws.law import B_WAVELENGTH, BLUEST_WAVELENGTH, V_WAVELENGTH, DustLaw

__all__ = ["LAWS", "Li08"]


@dataclass(frozen=True, eq=False)
class Li08(DustLaw):
    r"""A formula for the extinction curves of the Milky Way, its neighbours and starbursts alike.

    With :math:`\lambda` in micron,

    .. math::
        \frac{A_\lambda}{A_V} = \frac{c_1}{(\lambda/0.08)^{c_2} + (0.08/\lambda)^{c_2} + c_3}
        + \frac{233\,[1 - c_1/(6.88^{c_2} + 0.145^{c_2} + c_3) - c_4/4.60]}
               {(\lambda/0.046)^2 + (0.046/\lambda)^2 + 90}
        + \frac{c_4}{(\lambda/0.2175)^2 + (0.2175/\lambda)^2 - 1.95}

    for the rise in the far ultraviolet, the near ultraviolet and visible, and the bump at 2175
    Angstrom.

    Parameters
    ----------
    c1, c2, c3, c4 : float
        The coefficients.
    name : str, optional
        Name of the curve.

    Raises
    ------
    InputError
        If a coefficient is not a finite number.

    Notes
    -----
    The names ``"Li08_Calzetti"``, ``"Li08_SMC"``, ``"Li08_MW"`` and ``"Li08_LMC"`` are the curves
    of the paper's table 1. R_V follows from the formula at 4400 and 5500 Angstrom: that of
    ``"Li08_Calzetti"`` is 3.53, not 4.05.

    References
    ----------
    Li et al. 2008, ApJ 685, 1046, equation 1 and table 1.

    Examples
    --------
    >>> from dustest.physics import Li08, get_dust_law
    >>> float(get_dust_law("Li08_SMC").a_over_av(1600.0).round(3))
    4.102
    >>> round(Li08(14.4, 6.52, 2.04, 0.0519).r_v, 2)
    3.44
    """

    c1: float
    c2: float
    c3: float
    c4: float
    name: str = "Li08"
    references = ("Li2008",)
    wavelength_range = (BLUEST_WAVELENGTH, np.inf)
    _holds_everywhere = True

    @property
    def r_v(self):
        """A_V / (A_B - A_V), at 4400 and 5500 Angstrom."""
        return 1.0 / (self._curve(B_WAVELENGTH) - self._curve(V_WAVELENGTH))

    def _curve(self, wavelength):
        micron = wavelength / 1e4
        at_v = self.c1 / (6.88**self.c2 + 0.145**self.c2 + self.c3)
        far = self.c1 / ((micron / 0.08) ** self.c2 + (0.08 / micron) ** self.c2 + self.c3)
        rest = 233.0 * (1.0 - at_v - self.c4 / 4.60)
        near = rest / ((micron / 0.046) ** 2 + (0.046 / micron) ** 2 + 90.0)
        bump = self.c4 / ((micron / 0.2175) ** 2 + (0.2175 / micron) ** 2 - 1.95)
        return far + near + bump


LAWS = (
    Li08(44.9, 7.56, 61.2, 0.0, "Li08_Calzetti"),
    Li08(38.7, 3.83, 6.34, 0.0, "Li08_SMC"),
    Li08(14.4, 6.52, 2.04, 0.0519, "Li08_MW"),
    Li08(4.47, 2.39, -0.988, 0.0221, "Li08_LMC"),
)
