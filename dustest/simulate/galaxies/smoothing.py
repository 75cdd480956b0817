"""Smoother galaxies from few star particles."""

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from dustest.data.checks.numbers import check_whole
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.simulate.galaxies.particle_galaxy import ParticleGalaxy, StarParticles

__all__ = ["smooth_stars"]

# A spline kernel ends at about three standard deviations of a normal distribution.
_SIGMA_PER_RADIUS = 1.0 / 3.0


def smooth_stars(galaxy, n=2500, *, n_neighbours=4, random_state=None):
    """Split the stars of a galaxy into more particles, so that its light is not lumpy.

    Every star particle becomes the same number of particles with equal shares of its mass and
    with its age, metallicity and optical depth. They are scattered around it by a normal
    distribution, whose standard deviation is a third of the distance to a near neighbour, and
    overlap: the smoothing length of each is that distance over the cube root of their number.

    Parameters
    ----------
    galaxy : ParticleGalaxy
        The galaxy.
    n : int, optional
        Least number of star particles. A galaxy with as many is returned as it is.
    n_neighbours : int, optional
        The neighbour whose distance sets the scatter: the first is the nearest. In a galaxy with
        fewer stars it is the farthest; a single star is scattered by its smoothing length.
    random_state : None, int or `~numpy.random.Generator`, optional
        Source of random numbers.

    Returns
    -------
    ParticleGalaxy
        The galaxy of more stars, with the same gas.

    Raises
    ------
    InputError
        If an argument is not of its type, or a number is not positive.

    Notes
    -----
    Ages and metallicities are not smoothed: the star-formation history and the attenuation of the
    galaxy as a whole do not change. The galaxy becomes larger by the scatter.

    Examples
    --------
    >>> from dustest.simulate import ParticleGalaxy, StarParticles, smooth_stars
    >>> stars = StarParticles([[0, 0, 0], [0, 0, 1]], [1e6, 3e6], [1e7, 1e7], [0, 0], [1, 1])
    >>> smooth = smooth_stars(ParticleGalaxy(stars, None, redshift=7.0), 1000, random_state=1)
    >>> len(smooth.stars), round(smooth.stars.mass.sum())
    (1000, 4000000)
    """
    if not isinstance(galaxy, ParticleGalaxy):
        msg = f"galaxy must be a ParticleGalaxy, got {type(galaxy).__name__}"
        raise InputError(msg)
    check_whole(n, "n")
    check_whole(n_neighbours, "n_neighbours")
    rng = as_generator(random_state)
    stars = galaxy.stars
    share = -(-n // len(stars))
    if share == 1:
        return galaxy
    radius = _neighbour_distances(stars, n_neighbours)
    scatter = rng.normal(size=(share, len(stars), 3)) * (_SIGMA_PER_RADIUS * radius[:, None])
    columns = {
        "position": (stars.position + scatter).reshape(-1, 3),
        "mass": np.tile(stars.mass / share, share),
        "smoothing": np.tile(radius / np.cbrt(share), share),
    }
    columns |= {name: np.tile(getattr(stars, name), share) for name in ("age", "metallicity")}
    tau_v = None if stars.tau_v is None else np.tile(stars.tau_v, share)
    return replace(galaxy, stars=StarParticles(**columns, tau_v=tau_v))


def _neighbour_distances(stars, n_neighbours):
    """Distance of every star to a near neighbour; of a single star, its smoothing length."""
    if len(stars) == 1:
        return stars.smoothing
    rank = min(n_neighbours, len(stars) - 1) + 1
    return KDTree(stars.position).query(stars.position, k=[rank])[0][:, 0]
