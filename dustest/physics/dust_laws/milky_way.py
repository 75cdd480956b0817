"""The extinction curve of the Milky Way without its bump at 2175 Angstrom."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from dustest.physics.dust_laws.extinction_curves import LAWS as CURVES
from dustest.physics.dust_laws.law import DustLaw
from dustest.physics.dust_laws.scattering import MILKY_WAY, GrainOptics

__all__ = ["LAWS", "BumplessMilkyWay"]

_F99 = next(law for law in CURVES if law.name == "F99")
_STRENGTH, _CENTRE, _WIDTH = 3.23, 4.596, 0.99
"""Height c3, centre x0 and width gamma of the bump, in inverse micron."""
_JOINT = 1.0 / 0.27
"""Inverse micron; redward of it Fitzpatrick's curve is a cubic spline."""
_ANCHORS = np.array([0.0, *(1.0 / np.array([2.65, 1.22, 0.60, 0.547, 0.467, 0.411])), _JOINT])
_ANCHORS = np.append(_ANCHORS, 1.0 / 0.26)


@dataclass(frozen=True, eq=False)
class BumplessMilkyWay(DustLaw):
    r"""The curve of Fitzpatrick (1999) for :math:`R_V = 3.1` without the bump at 2175 Angstrom.

    In the ultraviolet that curve is the sum of a line, a bump and a rise in the far ultraviolet
    [1]_; here the strength of the bump, :math:`c_3`, is zero. Redward of 2700 Angstrom it is a
    cubic spline through its ultraviolet end and measured points in the visible and infrared [2]_,
    which changes between 2700 and 4110 Angstrom accordingly. Galaxies with few small carbon grains
    have such curves. The bump is absorption, so that the grains scatter as much as with it.

    References
    ----------
    .. [1] Fitzpatrick & Massa 1990, ApJS 72, 163, equation 2.
    .. [2] Fitzpatrick 1999, PASP 111, 63, equation 3 and tables 3 and 4.

    Examples
    --------
    >>> from dustest.physics import get_dust_law
    >>> with_bump, without = get_dust_law("F99"), get_dust_law("MW_no_bump")
    >>> [float(law.a_over_av(2175.0).round(2)) for law in (with_bump, without)]
    [3.08, 2.01]
    """

    name = "MW_no_bump"
    references = ("Fitzpatrick1990", "Fitzpatrick1999")
    r_v = _F99.r_v

    @property
    def wavelength_range(self):
        """The range of the law in Angstrom."""
        return _F99.wavelength_range

    @cached_property
    def optics(self):
        """Albedo and asymmetry of the grains: their scattering over less extinction."""
        nodes = np.clip(MILKY_WAY.wavelength, *self.wavelength_range)
        albedo = MILKY_WAY.albedo * _F99.a_over_av(nodes) / self.a_over_av(nodes)
        return GrainOptics(MILKY_WAY.wavelength, tuple(albedo), MILKY_WAY.asymmetry)

    def _curve(self, wavelength):
        x = 1e4 / wavelength
        # A spline is linear in its values: that of the bump alone is the difference of the curves.
        values = np.where(_ANCHORS >= _JOINT, _bump(_ANCHORS), 0.0)
        red = CubicSpline(_ANCHORS, values, bc_type="natural")(x)
        return _F99.a_over_av(wavelength) - np.where(x >= _JOINT, _bump(x), red) / self.r_v


def _bump(x):
    """The bump in units of E(B-V), at inverse microns."""
    return _STRENGTH * x**2 / ((x**2 - _CENTRE**2) ** 2 + (_WIDTH * x) ** 2)


LAWS = (BumplessMilkyWay(),)
