"""Positions of particles in discs, spheroids and clumps, and random rotations."""

import numpy as np
from scipy.spatial.transform import Rotation

__all__ = ["draw_disc", "draw_rotation", "draw_spheroid", "gather"]

_DISC_END = 6.0
"""Scale lengths at which a disc ends; 1.7 % of an infinite disc is outside."""
_N_QUANTILES = 1024
_SPHEROID_END = 10.0
"""Scale radii at which a spheroid ends."""
_SPHEROID_HALF_MASS = 1.3388
"""Scale radii that, in projection, contain half the mass of a spheroid with that end."""


def _disc_quantiles():
    """Radii in scale lengths that contain increasing fractions of a disc's mass."""
    radius = np.linspace(0.0, _DISC_END, 4096)
    share = 1.0 - (1.0 + radius) * np.exp(-radius)
    quantiles = np.interp(np.linspace(0.0, share[-1], _N_QUANTILES + 1), share, radius)
    quantiles.setflags(write=False)
    return quantiles


_DISC_QUANTILES = _disc_quantiles()
_DISC_HALF_MASS = _DISC_QUANTILES[_N_QUANTILES // 2]


def draw_disc(n, radius, thickness, rng):
    """Positions in an exponential disc in the plane z = 0.

    The density falls as exp(-R / h) to six scale lengths h, and as sech2(z / z_0) out of the
    plane.

    Parameters
    ----------
    n : int
        Number of particles.
    radius : float
        Half-mass radius seen face-on, 1.65 h, in kpc.
    thickness : float
        Scale height z_0 over scale length h.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n, 3)
        Positions in kpc.

    References
    ----------
    van der Kruit & Searle 1981, A&A 95, 105 (the vertical profile).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.shapes import draw_disc
    >>> x, y, z = draw_disc(20_000, 1.0, 0.2, np.random.default_rng(1)).T
    >>> print(np.median(np.hypot(x, y)).round(1), np.median(np.abs(z)).round(2))
    1.0 0.07
    """
    length = radius / _DISC_HALF_MASS
    place = _N_QUANTILES * rng.random(n)
    index = place.astype(np.intp)
    lower, upper = _DISC_QUANTILES[index], _DISC_QUANTILES[index + 1]
    across = length * (lower + (place - index) * (upper - lower))
    angle = 2.0 * np.pi * rng.random(n)
    # The logistic density is sech2(z / 2) / 4.
    height = 0.5 * thickness * length * rng.logistic(size=n)
    return np.column_stack([across * np.cos(angle), across * np.sin(angle), height])


def draw_spheroid(n, radius, axis_ratios, rng):
    """Positions in a triaxial spheroid of a Hernquist profile that ends at ten scale radii.

    Parameters
    ----------
    n : int
        Number of particles.
    radius : float
        Half-mass radius seen along z (that of the circle of equal area), in kpc.
    axis_ratios : tuple of float
        Axes y and z over axis x.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n, 3)
        Positions in kpc.

    References
    ----------
    Hernquist 1990, ApJ 356, 359.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.shapes import draw_spheroid
    >>> x, y, z = draw_spheroid(20_000, 1.0, (1.0, 1.0), np.random.default_rng(1)).T
    >>> print(np.median(np.hypot(x, y)).round(1), np.median(np.hypot(y, z)).round(1))
    1.0 1.0
    """
    b, c = axis_ratios
    scale = radius / _SPHEROID_HALF_MASS / np.sqrt(b)
    root = np.sqrt(rng.random(n)) * _SPHEROID_END / (1.0 + _SPHEROID_END)
    direction = rng.standard_normal((n, 3))
    distance = scale * root / (1.0 - root)
    length = np.sqrt(np.einsum("ij,ij->i", direction, direction))
    return direction * (distance / length)[:, np.newaxis] * np.array([1.0, b, c])


def gather(position, centre, radius, share, rng):
    """Move some of the particles into clumps.

    Parameters
    ----------
    position : ndarray of shape (n, 3)
        Positions in kpc, which are changed in place.
    centre : ndarray of shape (n_clumps, 3)
        Centres of the clumps in kpc.
    radius : ndarray of shape (n_clumps,)
        Their radii, the standard deviations of Gaussians along each axis, in kpc.
    share : float
        Probability that a particle is moved, with equal probability for each clump.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of bool of shape (n,)
        Which particles were moved.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.shapes import gather
    >>> rng = np.random.default_rng(1)
    >>> position = np.zeros((1000, 3))
    >>> moved = gather(position, np.array([[2.0, 0.0, 0.0]]), np.array([0.1]), 0.3, rng)
    >>> print(moved.mean().round(1), position[moved].mean(axis=0).round(1)[0])
    0.3 2.0
    """
    moved = rng.random(len(position)) < share
    rows = np.flatnonzero(moved)
    clump = rng.integers(len(centre), size=rows.size)
    scatter = radius[clump, np.newaxis] * rng.standard_normal((rows.size, 3))
    position[rows] = centre[clump] + scatter
    return moved


def draw_rotation(rng):
    """Matrix of a rotation to a uniformly random orientation.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (3, 3)
        Rotation matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.galaxies.shapes import draw_rotation
    >>> matrix = draw_rotation(np.random.default_rng(1))
    >>> bool(np.allclose(matrix @ matrix.T, np.eye(3)))
    True
    """
    return Rotation.from_quat(rng.standard_normal(4)).as_matrix()
