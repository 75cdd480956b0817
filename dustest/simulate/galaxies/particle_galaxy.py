"""Galaxies of star particles, and of gas particles that contain the dust."""

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15

from dustest.data.checks.records import expect
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.messages import not_one_of
from dustest.simulate.emission.conditions import Conditions

__all__ = ["VIEWS", "GasParticles", "ParticleGalaxy", "StarParticles", "cosmic_age", "view"]

_AGE_TOLERANCE = 1.05
"""Simulations use different cosmologies, whose ages of the universe differ by some per cent."""

_OCTANT = np.array([[-1.0, 1.0, 0.0], [-1.0, -1.0, 2.0], [1.0, 1.0, 1.0]])
_OCTANT /= np.linalg.norm(_OCTANT, axis=1, keepdims=True)

VIEWS = MappingProxyType(
    {
        "xy": np.eye(3),
        "xz": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
        "yz": np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        "octant": _OCTANT,
    }
)
"""Rotation matrices by name; rows are the x and y axes of the image and the line of sight."""

for _matrix in VIEWS.values():
    _matrix.setflags(write=False)


@dataclass(frozen=True, eq=False)
class StarParticles:
    """Star particles, each a population of one age and one metallicity.

    Arguments may be Quantities or Columns with compatible units; the attributes are read-only
    arrays in the units given here.

    Parameters
    ----------
    position : array_like of shape (n, 3)
        Positions about the galaxy's centre in kpc (physical).
    mass : array_like of shape (n,)
        Masses at birth in solar masses.
    age : array_like of shape (n,)
        Ages in yr.
    metallicity : array_like of shape (n,)
        Mass fractions of metals, 0 to 1 (not in solar units).
    smoothing : array_like of shape (n,)
        Radii in kpc (physical) at which the particle's kernel ends.
    tau_v : array_like of shape (n,), optional
        Optical depths at V between the particle and an observer on the positive z axis, if the
        source of the particles provides them.

    Raises
    ------
    InputError
        If there is no star, a shape or unit does not match, or a value is not finite or negative.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.simulate import StarParticles
    >>> stars = StarParticles([[0, 0, 1]] * u.pc, [1e6], [10] * u.Myr, [0.002], [0.1])
    >>> len(stars), stars.position, stars.age
    (1, array([[0.   , 0.   , 0.001]]), array([10000000.]))
    """

    position: np.ndarray
    mass: np.ndarray
    age: np.ndarray
    metallicity: np.ndarray
    smoothing: np.ndarray
    tau_v: np.ndarray | None = None

    def __post_init__(self):
        units = {
            "position": u.kpc,
            "mass": u.Msun,
            "age": u.yr,
            "metallicity": None,
            "smoothing": u.kpc,
        }
        if self.tau_v is not None:
            units["tau_v"] = None
        _store_columns(self, units)

    def __len__(self):
        return len(self.position)


@dataclass(frozen=True, eq=False)
class GasParticles:
    """Gas particles or cells, and whether they are dense and cold enough to contain dust.

    Arguments may be Quantities or Columns with compatible units; the attributes are read-only
    arrays in the units given here.

    Parameters
    ----------
    position : array_like of shape (n, 3)
        Positions about the galaxy's centre in kpc (physical).
    mass : array_like of shape (n,)
        Masses in solar masses.
    metallicity : array_like of shape (n,)
        Mass fractions of metals, 0 to 1 (not in solar units).
    smoothing : array_like of shape (n,)
        Radii in kpc (physical), above zero, at which the particle's kernel ends.
    dusty : array_like of bool of shape (n,), optional
        Whether a particle contains dust; by default all do.

    Raises
    ------
    InputError
        If there is no particle, a shape or unit does not match, or a value is not finite or
        negative.

    Examples
    --------
    >>> from dustest.simulate import GasParticles
    >>> gas = GasParticles([[0.0, 0.0, 0.0]], [1e7], [0.002], [0.2])
    >>> gas.dusty
    array([ True])
    """

    position: np.ndarray
    mass: np.ndarray
    metallicity: np.ndarray
    smoothing: np.ndarray
    dusty: np.ndarray | None = None

    def __post_init__(self):
        units = {
            "position": u.kpc,
            "mass": u.Msun,
            "metallicity": None,
            "smoothing": u.kpc,
        }
        _store_columns(self, units)
        if np.any(self.smoothing == 0.0):
            msg = "smoothing of gas must be above zero: a point of gas has no column density"
            raise InputError(msg)
        _store(self, "dusty", _as_mask(self.dusty, len(self)))

    def __len__(self):
        return len(self.position)


@dataclass(frozen=True, eq=False)
class ParticleGalaxy:
    """A galaxy of particles at a redshift.

    Parameters
    ----------
    stars : StarParticles
        The stars.
    gas : GasParticles or None
        The gas; None if the source has none.
    redshift : float
        Redshift of the galaxy.
    group : str, optional
        Name of the galaxy, shared by all its views and dust realisations.
    conditions : Conditions, optional
        Its dust and ionised gas.

    Raises
    ------
    InputError
        If the redshift is negative or not finite, or a star is older than the universe at that
        redshift (Planck 2015, with a tolerance of 5 % for simulations of other cosmologies).

    References
    ----------
    Planck Collaboration 2016, A&A 594, A13.

    Examples
    --------
    >>> from dustest.simulate import ParticleGalaxy, StarParticles
    >>> stars = StarParticles([[0, 0, 0]], [1e6], [1e7], [0.002], [0.1])
    >>> galaxy = ParticleGalaxy(stars, None, redshift=7.0, group="one")
    >>> len(galaxy.stars), galaxy.gas is None
    (1, True)
    """

    stars: StarParticles
    gas: GasParticles | None
    redshift: float
    group: str = ""
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self):
        if not isinstance(self.stars, StarParticles):
            msg = f"stars must be StarParticles, got {type(self.stars).__name__}"
            raise InputError(msg)
        if not (self.gas is None or isinstance(self.gas, GasParticles)):
            msg = f"gas must be GasParticles or None, got {type(self.gas).__name__}"
            raise InputError(msg)
        wanted = "Conditions, as of dustest.simulate.emission.conditions"
        expect(isinstance(self.conditions, Conditions), "conditions", wanted, self.conditions)
        object.__setattr__(self, "redshift", _check_redshift(self.redshift))
        _check_ages(self.stars.age, self.redshift)


@lru_cache(maxsize=1024)
def cosmic_age(redshift):
    """Age of the universe.

    Parameters
    ----------
    redshift : float
        Redshift.

    Returns
    -------
    float
        Age in yr.

    References
    ----------
    Planck Collaboration 2016, A&A 594, A13.

    Examples
    --------
    >>> from dustest.simulate.galaxies.particle_galaxy import cosmic_age
    >>> round(cosmic_age(7.0) / 1e6)
    762
    """
    return float(Planck15.age(redshift).to_value(u.yr))


def view(galaxy, name):
    """Rotate a galaxy so that the observer is on the positive z axis.

    In the result, x and y are the axes of the image and z increases towards the observer. In the
    coordinates of the simulation, ``"xy"`` is seen from +z, ``"xz"`` from -y, ``"yz"`` from +x and
    ``"octant"`` from the direction (1, 1, 1), with the simulation's z axis upwards in the last
    three. All are proper rotations: no view is a mirror image.

    Parameters
    ----------
    galaxy : ParticleGalaxy
        The galaxy.
    name : {"xy", "xz", "yz", "octant"}
        Name of the view, a key of ``VIEWS``.

    Returns
    -------
    ParticleGalaxy
        The same particles at rotated positions.

    Raises
    ------
    InputError
        If the view is unknown, or the stars have ``tau_v``, which is valid for ``"xy"`` only.

    Examples
    --------
    >>> from dustest.simulate import ParticleGalaxy, StarParticles, view
    >>> stars = StarParticles([[1.0, 2.0, 3.0]], [1e6], [1e7], [0.002], [0.1])
    >>> view(ParticleGalaxy(stars, None, redshift=7.0), "yz").stars.position
    array([[2., 3., 1.]])
    """
    if not isinstance(name, str) or name not in VIEWS:
        msg = not_one_of("name", name, VIEWS)
        raise InputError(msg)
    if name == "xy":
        return galaxy
    if galaxy.stars.tau_v is not None:
        msg = (
            f"name must be 'xy' for stars with tau_v, which is valid along the z axis only, "
            f"got {name!r}: build the StarParticles without tau_v to rotate them"
        )
        raise InputError(msg)
    gas = None if galaxy.gas is None else _rotate(galaxy.gas, VIEWS[name])
    return replace(galaxy, stars=_rotate(galaxy.stars, VIEWS[name]), gas=gas)


def _rotate(particles, matrix):
    """Rotate the positions of particles; other columns are not checked again."""
    turned = object.__new__(type(particles))
    for item in fields(particles):
        object.__setattr__(turned, item.name, getattr(particles, item.name))
    _store(turned, "position", particles.position @ matrix.T)
    return turned


def _store_columns(particles, units):
    """Check and store the columns of a record."""
    name = type(particles).__name__
    for key, unit in units.items():
        _store(particles, key, _as_array(getattr(particles, key), unit, key))
    n = len(particles.position) if particles.position.ndim else 0
    if particles.position.shape != (n, 3) or n == 0:
        msg = (
            f"position of {name} must have the shape (n, 3) with n above zero, got "
            f"{particles.position.shape}"
        )
        raise InputError(msg)
    for key in [key for key in units if key != "position"]:
        _check_column(getattr(particles, key), n, key)
    if np.any(particles.metallicity > 1.0):
        msg = (
            f"metallicity must be a mass fraction of 0 to 1, got {particles.metallicity.max():g}: "
            "multiply values in solar units by the mass fraction of metals of the Sun"
        )
        raise InputError(msg)


def _as_array(values, unit, name):
    """Convert to a new, finite float array in a unit."""
    array = to_floats(values, name, unit=unit, sentinels=False)
    if not np.all(np.isfinite(array)):
        n_bad = int(np.sum(~np.isfinite(array)))
        msg = f"{name} must be finite, got {n_bad} values that are not: leave those particles out"
        raise InputError(msg)
    return array


def _check_column(values, n, name):
    """Raise an error for a column of another length, or with negative values."""
    if values.shape != (n,):
        msg = f"{name} must have the shape ({n},) of the positions, got {values.shape}"
        raise InputError(msg)
    if np.any(values < 0.0):
        msg = f"{name} must not be negative, got {values.min():g}"
        raise InputError(msg)


def _as_mask(values, n):
    """New boolean column; all true for None."""
    mask = np.ones(n, dtype=bool) if values is None else np.array(values)
    if mask.dtype != bool or mask.shape != (n,):
        msg = (
            f"dusty must be a boolean array of shape ({n},), got dtype {mask.dtype} and shape "
            f"{mask.shape}"
        )
        raise InputError(msg)
    return mask


def _store(particles, key, array):
    """Put a read-only array into a frozen record."""
    array.setflags(write=False)
    object.__setattr__(particles, key, array)


def _check_redshift(value):
    """Convert to a finite, non-negative redshift."""
    try:
        redshift = float(value)
    except (TypeError, ValueError):
        redshift = np.nan
    if not (np.isfinite(redshift) and redshift >= 0.0):
        msg = f"redshift must be a finite number that is not negative, got {value!r}"
        raise InputError(msg)
    return redshift


def _check_ages(age, redshift):
    """Raise an error for stars that are older than the universe."""
    oldest = cosmic_age(redshift)
    if age.max() > oldest * _AGE_TOLERANCE:
        msg = (
            f"age must not exceed the age of the universe at redshift {redshift:g}, "
            f"{oldest / 1e9:.3g} Gyr, got {age.max() / 1e9:.3g} Gyr: check its unit (yr) and the "
            "redshift"
        )
        raise InputError(msg)
