"""Power laws, alone and as the two components of Charlot & Fall (2000)."""

from dataclasses import dataclass

import numpy as np

from dustest.data.errors import InputError
from dustest.physics.dust_laws.composition import ComposedLaw, TwoComponents, power_of_wavelength
from dustest.physics.dust_laws.law import B_WAVELENGTH, BLUEST_WAVELENGTH, V_WAVELENGTH, DustLaw

__all__ = ["LAWS", "CharlotFall00", "PowerLaw"]


@dataclass(frozen=True, eq=False)
class PowerLaw(DustLaw):
    r"""A power law, :math:`A_\lambda \propto \lambda^{-n}`.

    Parameters
    ----------
    n : float, optional
        The index, above zero.

    Raises
    ------
    InputError
        If ``n`` is not a finite number above zero.

    References
    ----------
    Charlot & Fall 2000, ApJ 539, 718, equation 1 and its text (n = 0.7).

    Examples
    --------
    >>> from dustest.physics import PowerLaw
    >>> round(PowerLaw(n=0.7).r_v, 2)
    5.92
    """

    n: float = 0.7
    name = "power law"
    aliases = ("PowerLaw",)
    references = ("Charlot2000",)
    wavelength_range = (BLUEST_WAVELENGTH, np.inf)
    _holds_everywhere = True

    def __post_init__(self):
        super().__post_init__()
        if not np.all(self.n > 0):
            msg = f"n must be above zero, got {self.n!r}"
            raise InputError(msg)

    @property
    def r_v(self):
        """A_V / (A_B - A_V), at 4400 and 5500 Angstrom."""
        return 1.0 / ((B_WAVELENGTH / V_WAVELENGTH) ** -self.n - 1.0)

    def _curve(self, wavelength):
        return power_of_wavelength(wavelength, -self.n)


@dataclass(frozen=True, eq=False)
class CharlotFall00(ComposedLaw):
    """Two components of one power law: diffuse dust, and birth clouds around young stars.

    The curve, A_V and R_V are those of the diffuse dust. The simulator, which puts one screen in
    front of each star, raises an error for this law: use `PowerLaw` there.

    Parameters
    ----------
    n : float, optional
        The index of the power law, above zero.
    eta : float, optional
        A_V of young stars over that of older ones, at least 1. It is 1 over the share mu of the
        diffuse dust in the attenuation of young stars, 1/3 in the paper.
    age : float, optional
        Age in yr at which stars leave their birth clouds.

    Raises
    ------
    InputError
        If a parameter is not a finite number or out of range.

    References
    ----------
    Charlot & Fall 2000, ApJ 539, 718, equation 1, section 2 and table 1; Carnall et al. 2018,
    MNRAS 480, 4379, for the common slope.

    Examples
    --------
    >>> from dustest.physics import CharlotFall00
    >>> law = CharlotFall00(n=0.7)
    >>> round(law.r_v, 2), law.eta
    (5.92, 3.0)
    """

    n: float = 0.7
    eta: float = 3.0
    age: float = 1e7
    name = "CF00"
    aliases = ("CharlotFall00",)
    references = ("Charlot2000",)

    def __post_init__(self):
        super().__post_init__()
        TwoComponents(PowerLaw(self.n), None, self.eta, self.age)

    @property
    def law(self):
        """The law of the diffuse dust, which is that of the birth clouds too."""
        return _DIFFUSE.with_shape(n=self.n)


_DIFFUSE = PowerLaw()

LAWS = (PowerLaw(), CharlotFall00())
