"""The extinction curve of dust that formed in a supernova."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from dustest.physics.dust_laws.law import BLUEST_WAVELENGTH, DustLaw
from dustest.physics.dust_laws.scattering import GrainOptics

__all__ = ["LAWS", "SupernovaDust"]

# fmt: off
_WAVELENGTH = np.array(
    [882, 934, 988, 1046, 1107, 1172, 1241, 1313, 1390, 1471, 1558, 1649, 1745, 1847, 1956, 2070,
     2191, 2319, 2455, 2599, 2751, 2912, 3082, 3263, 3454, 3870, 4590, 5444, 6456, 7658, 9082,
     10772, 12776, 15153, 17973, 21317, 25283, 29987, 35566, 42184, 47266]
)
_RATIO = np.array(
    [4.807, 4.539, 4.235, 3.936, 3.685, 3.447, 3.206, 2.975, 2.753, 2.552, 2.406, 2.314, 2.265,
     2.313, 2.231, 2.122, 1.997, 1.872, 1.771, 1.695, 1.624, 1.544, 1.461, 1.393, 1.340, 1.243,
     1.117, 1.006, 0.902, 0.812, 0.735, 0.661, 0.595, 0.534, 0.478, 0.426, 0.379, 0.336, 0.299,
     0.263, 0.240]
)
_ALBEDO = (
    0.269, 0.279, 0.291, 0.303, 0.313, 0.326, 0.340, 0.354, 0.369, 0.378, 0.378, 0.369, 0.353,
    0.355, 0.363, 0.382, 0.404, 0.424, 0.435, 0.441, 0.450, 0.467, 0.485, 0.488, 0.487, 0.488,
    0.488, 0.488, 0.495, 0.494, 0.489, 0.494, 0.494, 0.496, 0.499, 0.506, 0.511, 0.511, 0.511,
    0.517, 0.525,
)
_ASYMMETRY = (
    0.602, 0.600, 0.601, 0.605, 0.609, 0.611, 0.616, 0.624, 0.634, 0.647, 0.658, 0.666, 0.670,
    0.643, 0.637, 0.631, 0.628, 0.631, 0.633, 0.634, 0.632, 0.629, 0.628, 0.632, 0.633, 0.634,
    0.631, 0.627, 0.620, 0.616, 0.610, 0.601, 0.593, 0.583, 0.573, 0.562, 0.551, 0.542, 0.529,
    0.514, 0.504,
)
# fmt: on


@dataclass(frozen=True, eq=False)
class SupernovaDust(DustLaw):
    """The extinction curve of large carbon grains, as formed in the ejecta of supernova 2010jl.

    Curve and optics are Mie theory [2]_ for spheres of amorphous carbon ("AC1") [3]_ whose sizes
    follow a power law of index -3.6 from 0.001 to 4.2 micron. These sizes are meant as the best
    fit of [1]_, which finds grains larger than a micron; index and largest size have not been
    checked against its text. R_V is 6.8. Other grains with R_V of 2.8 to 3.1 fit the same
    supernova too [4]_. The curve is interpolated in a table, within 0.2 per cent.

    References
    ----------
    .. [1] Gall et al. 2014, Nature 511, 326.
    .. [2] Bohren & Huffman 1983, Absorption and Scattering of Light by Small Particles, chapter 4.
    .. [3] Rouleau & Martin 1991, ApJ 377, 526.
    .. [4] Li et al. 2022, arXiv:2201.09298.

    Examples
    --------
    >>> from dustest.physics import get_dust_law
    >>> law = get_dust_law("SN")
    >>> round(law.r_v, 1), float(law.a_over_av(1600.0).round(2))
    (6.8, 2.36)
    """

    name = "SN"
    aliases = ("Gall14",)
    references = ("Gall2014", "Rouleau1991")
    optics = GrainOptics(tuple(_WAVELENGTH), _ALBEDO, _ASYMMETRY)
    wavelength_range = (BLUEST_WAVELENGTH, float(_WAVELENGTH[-1]))

    @cached_property
    def _logarithm(self):
        """Logarithm of the ratio as a function of that of the wavelength."""
        return PchipInterpolator(np.log(_WAVELENGTH), np.log(_RATIO))

    def _curve(self, wavelength):
        return np.exp(self._logarithm(np.log(wavelength)))


LAWS = (SupernovaDust(),)
