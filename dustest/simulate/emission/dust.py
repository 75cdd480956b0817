"""Dust in particle galaxies: columns in front of stars, and the attenuation of their spectra."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from astropy import units as u

from dustest.data.checks.numbers import check_fraction, check_number
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.physics.dust_laws.law import B_WAVELENGTH, V_WAVELENGTH
from dustest.physics.dust_laws.lookup import get_screen_law

__all__ = [
    "V_OPACITY",
    "EffectiveDust",
    "attenuate",
    "dust_column",
    "dust_mass",
    "effective_attenuation",
    "effective_dust",
    "optical_depth",
]

V_OPACITY = 2.6e4
"""Extinction cross section (absorption and scattering) at V in cm2 per gram of dust: Milky Way
with R_V = 3.1, Draine 2003, ARA&A 41, 241 (his tables give 1.56e4 for the SMC bar)."""

_COLUMN_UNIT = (u.Msun / u.kpc**2).to(u.g / u.cm**2)
_LEVEL_STEP = 1.5
"""Ratio of the kernel radii that share a grid."""
_CELL_PER_KERNEL = np.array([0.424, 0.424, 0.671])
"""Sides of a cell over the kernel radius, for which assigning mass to cells and interpolating
spread it as far as the cubic spline does: its variance, 0.075 along each axis, is that of a
quadratic and a linear B-spline (1/4 + 1/6 cell^2) across and of a step and a mean (1/12 + 1/12)
along."""


@dataclass(frozen=True)
class EffectiveDust:
    """Attenuation of a whole galaxy, from its integrated spectrum.

    Parameters
    ----------
    A_V : float
        Attenuation at 5500 Angstrom in mag.
    E_BV : float
        Colour excess between 4400 and 5500 Angstrom in mag.

    Examples
    --------
    >>> from dustest.simulate import EffectiveDust
    >>> EffectiveDust(A_V=0.6, E_BV=0.1).R_V.__round__(3)
    6.0
    """

    A_V: float
    E_BV: float

    @property
    def R_V(self):
        """A_V / E_BV; NaN without reddening."""
        return self.A_V / self.E_BV if self.E_BV != 0.0 else np.nan


def dust_mass(gas, dust_to_metal):
    """Mass of dust of every gas particle.

    A fraction of the metals of the dense and cold gas is dust: ``dust_to_metal`` x metallicity x
    gas mass where ``gas.dusty``, zero elsewhere.

    Parameters
    ----------
    gas : GasParticles
        The gas.
    dust_to_metal : float
        Fraction of the metals that is in dust, 0 to 1.

    Returns
    -------
    ndarray of shape (n,)
        Masses in solar masses.

    Raises
    ------
    InputError
        If ``dust_to_metal`` is outside 0 to 1.

    References
    ----------
    Camps et al. 2016, MNRAS 462, 1057, where this fraction is called f_dust.

    Examples
    --------
    >>> from dustest.simulate import GasParticles, dust_mass
    >>> gas = GasParticles([[0.0, 0.0, 0.0]], [1e7], [0.002], [0.2])
    >>> dust_mass(gas, dust_to_metal=0.3)
    array([6000.])
    """
    check_fraction(dust_to_metal, "dust_to_metal")
    return np.where(gas.dusty, dust_to_metal * gas.metallicity * gas.mass, 0.0)


def dust_column(stars, gas, dust_to_metal, *, n_cells=64):
    """Surface density of dust in front of every star particle, seen from the positive z axis.

    The mass is distributed on grids with the width of a cubic-spline kernel of each particle's
    smoothing, and summed along z. Kernels of similar radii share a grid, whose cells are 0.42
    kernel radii wide across the line of sight and 0.67 along it. In a galaxy of thousands of
    particles the result agrees within some per cent, star by star, with the sum over all pairs.

    Parameters
    ----------
    stars : StarParticles
        The stars.
    gas : GasParticles
        The gas.
    dust_to_metal : float
        Fraction of the metals that is in dust, 0 to 1.
    n_cells : int, optional
        Maximum number of cells of a grid along each axis, at least 2. If the gas of a grid spans
        more, its cells are wider.

    Returns
    -------
    ndarray of shape (n_stars,)
        Surface densities in solar masses per kpc2.

    Raises
    ------
    InputError
        If ``dust_to_metal`` is outside 0 to 1 or ``n_cells`` below 2.

    References
    ----------
    Monaghan & Lattanzio 1985, A&A 149, 135 (the kernel); Hockney & Eastwood 1981, Computer
    Simulation Using Particles, chapter 5 (mass on grids).

    Examples
    --------
    A sheet of gas in front of one star and behind another:

    >>> import numpy as np
    >>> from dustest.simulate import GasParticles, StarParticles, dust_column
    >>> x, y = np.meshgrid(np.linspace(-2, 2, 21), np.linspace(-2, 2, 21))
    >>> sheet = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    >>> gas = GasParticles(sheet, np.full(441, 4e6), np.full(441, 0.01), np.full(441, 0.4))
    >>> stars = StarParticles([[0, 0, -1], [0, 0, 1]], [1e6] * 2, [1e7] * 2, [0.01] * 2, [0.1] * 2)
    >>> print((dust_column(stars, gas, dust_to_metal=0.5, n_cells=8) / 5e5).round(1))
    [1. 0.]
    """
    check_number(n_cells, "n_cells", 2, kind=Integral)
    mass = dust_mass(gas, dust_to_metal)
    column = np.zeros(len(stars))
    level = np.floor(np.log(gas.smoothing / gas.smoothing.min()) / np.log(_LEVEL_STEP))
    level[mass == 0.0] = -1.0
    # One row per axis: reductions and gathers are fast along rows.
    gas_position, star_position = gas.position.T.copy(), stars.position.T.copy()
    for k in np.unique(level[level >= 0.0]):
        rows = np.flatnonzero(level == k)
        finest = _CELL_PER_KERNEL * np.sqrt(np.mean(gas.smoothing[rows] ** 2))
        column += _level_column(gas_position[:, rows], mass[rows], finest, n_cells, star_position)
    return column


def optical_depth(galaxy, dust_to_metal=None, *, opacity=V_OPACITY, n_cells=64):
    """Optical depth at V in front of every star particle, seen from the positive z axis.

    Parameters
    ----------
    galaxy : ParticleGalaxy
        The galaxy; `~dustest.simulate.view` rotates it first.
    dust_to_metal : float, optional
        Fraction of the metals of the dense and cold gas that is in dust, 0 to 1. Omit it if the
        stars have their own ``tau_v``, which is then returned.
    opacity : float, optional
        Extinction cross section at V in cm2 per gram of dust.
    n_cells : int, optional
        Maximum number of cells of a grid along each axis, see `dust_column`.

    Returns
    -------
    ndarray of shape (n_stars,)
        Optical depths at V.

    Raises
    ------
    InputError
        If ``dust_to_metal`` is outside 0 to 1, given for a galaxy without gas, or omitted although
        the stars have no ``tau_v``; or ``opacity`` is negative.

    References
    ----------
    Draine 2003, ARA&A 41, 241, and its tables for R_V = 3.1: at 0.55 micron 4.86e-22 cm2 per H
    over 1.87e-26 g of dust per H.

    Examples
    --------
    >>> from dustest.simulate import ParticleGalaxy, StarParticles, optical_depth
    >>> stars = StarParticles([[0, 0, 0]], [1e6], [1e7], [0.002], [0.1], tau_v=[0.3])
    >>> optical_depth(ParticleGalaxy(stars, None, redshift=7.0))
    array([0.3])
    """
    check_number(opacity, "opacity", 0.0, expected="a number of cm2 per gram from 0")
    if dust_to_metal is None:
        return _own_depth(galaxy)
    if galaxy.gas is None:
        msg = (
            f"dust_to_metal needs gas that contains dust, but galaxy {galaxy.group!r} has none: "
            "omit it if the stars have tau_v, or read a file with gas"
        )
        raise InputError(msg)
    column = dust_column(galaxy.stars, galaxy.gas, dust_to_metal, n_cells=n_cells)
    return opacity * _COLUMN_UNIT * column


def attenuate(luminosity, tau_v, wavelength, law="SMC"):
    """Attenuate the spectrum of every star particle by the dust in front of it.

    Parameters
    ----------
    luminosity : array_like or `~astropy.units.Quantity` of shape (n,) or (n, n_wave)
        Intrinsic luminosity, per unit wavelength or frequency or per band, on any scale.
    tau_v : array_like of shape (n,)
        Optical depths at V.
    wavelength : float, array_like or `~astropy.units.Quantity` of shape (n_wave,)
        Rest-frame wavelengths of the last axis, in Angstrom if they have no unit.
    law : str, DustLaw or model of dust_extinction, optional
        Extinction law of the dust, see `~dustest.physics.get_dust_law`.

    Returns
    -------
    ndarray of shape (n, n_wave)
        Attenuated luminosity on the scale of ``luminosity``; of shape (n,) for a scalar
        wavelength.

    Raises
    ------
    InputError
        If the shapes do not match, an optical depth is negative or not finite, or the law is
        unknown or does not cover a wavelength.

    Examples
    --------
    >>> from dustest.simulate import attenuate
    >>> attenuate([1.0, 1.0], [0.0, 1.0], 5500.0).round(3)
    array([1.   , 0.368])
    """
    unit = declared_unit(luminosity, "luminosity")
    luminosity, tau_v = to_floats(luminosity, "luminosity", unit=unit), to_floats(tau_v, "tau_v")
    if tau_v.ndim != 1 or not np.all(tau_v >= 0.0):
        msg = "tau_v must be one-dimensional, finite and not negative"
        raise InputError(msg)
    ratio = np.asarray(get_screen_law(law).a_over_av(wavelength))
    expected = (len(tau_v), *ratio.shape)
    if luminosity.shape not in {expected, (len(tau_v),)}:
        msg = f"luminosity must have the shape {expected} or {tau_v.shape}, got {luminosity.shape}"
        raise InputError(msg)
    if luminosity.ndim < len(expected):
        luminosity = luminosity[:, np.newaxis]
    return luminosity * np.exp(-np.multiply.outer(tau_v, ratio))


def effective_attenuation(intrinsic, attenuated):
    """Attenuation of the total luminosity of all particles.

    Parameters
    ----------
    intrinsic : array_like of shape (n, ...)
        Luminosity of the particles without dust.
    attenuated : array_like of shape (n, ...)
        Luminosity of the particles with dust, on the same scale.

    Returns
    -------
    float or ndarray of shape (...)
        -2.5 log10(sum of attenuated / sum of intrinsic), in mag.

    Raises
    ------
    InputError
        If the shapes differ, or the intrinsic luminosity does not sum to more than zero.

    Examples
    --------
    >>> from dustest.simulate import effective_attenuation
    >>> float(effective_attenuation([2.0, 2.0], [2.0, 0.0]).round(3))
    0.753
    """
    unit = declared_unit(intrinsic, "intrinsic")
    if unit is not None and declared_unit(attenuated, "attenuated") is None:
        msg = f"attenuated must have a unit, as intrinsic has: {unit}"
        raise InputError(msg)
    intrinsic = to_floats(intrinsic, "intrinsic", unit=unit)
    attenuated = to_floats(attenuated, "attenuated", unit=unit)
    if intrinsic.shape != attenuated.shape or intrinsic.ndim == 0:
        msg = (
            "intrinsic and attenuated must be arrays of one shape, particles first, got "
            f"{intrinsic.shape} and {attenuated.shape}"
        )
        raise InputError(msg)
    total = intrinsic.sum(axis=0)
    if not np.all(total > 0.0):
        msg = "intrinsic must sum to more than zero: a galaxy without light has no attenuation"
        raise InputError(msg)
    with np.errstate(divide="ignore"):
        # Add zero, since -2.5 x log10(1) is minus zero.
        return -2.5 * np.log10(attenuated.sum(axis=0) / total) + 0.0


def effective_dust(luminosity, tau_v, law="SMC"):
    """A_V, E(B-V) and R_V of a galaxy, from its spectrum with and without dust.

    R_V is a result, not an input. If stars and dust are mixed, deeply embedded stars become faint
    in both bands alike, and the attenuation of the galaxy is greyer than the law.

    Parameters
    ----------
    luminosity : array_like of shape (n,) or (n, 2)
        Intrinsic luminosity of the particles, equal at 4400 and 5500 Angstrom or given for each.
    tau_v : array_like of shape (n,)
        Optical depths at V.
    law : str, DustLaw or model of dust_extinction, optional
        Extinction law of the dust, see `~dustest.physics.get_dust_law`.

    Returns
    -------
    EffectiveDust
        The attenuation of the whole galaxy.

    Raises
    ------
    InputError
        If the shapes do not match, an optical depth is negative or not finite, or the law is
        unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import effective_dust
    >>> thin = effective_dust(np.ones(100), np.linspace(0, 0.02, 100), "SMC")
    >>> thick = effective_dust(np.ones(100), np.linspace(0, 4, 100), "SMC")
    >>> round(thin.R_V, 2), round(thick.R_V, 2)
    (2.68, 4.7)
    """
    wavelength = np.array([B_WAVELENGTH, V_WAVELENGTH])
    dimmed = attenuate(luminosity, tau_v, wavelength, law)
    unit = declared_unit(luminosity, "luminosity")
    luminosity = to_floats(luminosity, "luminosity", unit=unit)
    intrinsic = luminosity if luminosity.ndim == 2 else np.repeat(luminosity[:, None], 2, axis=1)
    a_b, a_v = effective_attenuation(intrinsic, dimmed)
    return EffectiveDust(A_V=float(a_v), E_BV=float(a_b) - float(a_v))


def _own_depth(galaxy):
    """Optical depths of the stars, as given."""
    if galaxy.stars.tau_v is None:
        msg = (
            f"dust_to_metal must be given, since the stars of galaxy {galaxy.group!r} have no "
            "tau_v of their own"
        )
        raise InputError(msg)
    return galaxy.stars.tau_v


def _level_column(position, mass, finest, n_cells, stars):
    """Column in front of the stars of gas that shares a grid; positions are (3, n)."""
    low, high = position.min(axis=1), position.max(axis=1)
    cell = np.maximum(finest, (high - low) / n_cells)
    # Space for the spread of the outermost particles and one empty cell around it.
    shape = ((high - low) / cell).astype(int) + 6
    corner, cell = (low - 2.5 * cell)[:, np.newaxis], cell[:, np.newaxis]
    grid = _lay_out((position - corner) / cell, mass / (cell[0] * cell[1]), shape)
    return _read_out(grid, (stars - corner) / cell, shape)


def _lay_out(place, weight, shape):
    """Column in front of the faces between cells, (nz + 1, nx, ny); places in units of cells."""
    index = place.astype(np.intp)
    offset = place - index - 0.5
    # Quadratic B-spline over three cells: the triangular-shaped cloud of particle codes.
    share = np.stack([0.5 * (0.5 - offset) ** 2, 0.75 - offset**2, 0.5 * (0.5 + offset) ** 2])
    neighbour = np.arange(-1, 2)[:, np.newaxis]
    # Depth counts from the observer; a cell's mass is in front of its far face and beyond.
    first = ((shape[2] - index[2]) * shape[0] + index[0]) * shape[1] + index[1]
    flat = (neighbour * shape[1])[:, np.newaxis] + neighbour + first
    spread = (share[:, 0] * weight)[:, np.newaxis] * share[:, 1]
    n_faces = shape[2] + 1
    grid = np.bincount(flat.ravel(), spread.ravel(), n_faces * shape[0] * shape[1])
    grid = grid.reshape(n_faces, shape[0], shape[1])
    # Plane by plane, which takes a tenth of the time of numpy's cumsum.
    for k in range(1, n_faces):
        grid[k] += grid[k - 1]
    return grid


def _read_out(grid, place, shape):
    """Column at places, linear between the centres of cells and between faces."""
    last = np.array([shape[0] - 1, shape[1] - 1, shape[2]])[:, np.newaxis]
    place = np.stack([place[0] - 0.5, place[1] - 0.5, shape[2] - place[2]])
    held = np.clip(place, 0.0, last)
    lower = np.minimum(held.astype(np.intp), last - 1)
    upper = held - lower
    x, y, z = zip(1.0 - upper, upper, strict=True)
    first = (lower[2] * shape[0] + lower[0]) * shape[1] + lower[1]
    column, grid = np.zeros(len(first)), grid.ravel()
    for i, j, k in np.ndindex(2, 2, 2):
        column += x[i] * y[j] * z[k] * grid[first + (k * shape[0] + i) * shape[1] + j]
    return column
