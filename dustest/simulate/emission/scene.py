"""Noiseless stamps, fluxes and spectra of galaxies."""

from dataclasses import dataclass, replace

import numpy as np

from dustest.simulate.emission.dust import dust_mass, optical_depth

__all__ = ["Scene", "add_neighbours", "make_scene"]

_WINDOW = 0.25
"""Arcsec: width of the Gaussian window in which the centroid is found."""
_CENTRING_STEPS = 3


@dataclass(frozen=True, eq=False)
class Scene:
    """Noiseless observation of a galaxy.

    Parameters
    ----------
    images : ndarray of shape (n_bands, size, size)
        Stamps in nJy per pixel.
    flux : ndarray of shape (n_photometry,)
        Total fluxes in nJy.
    spectrum : ndarray of shape (n_wave,) or None
        Spectrum in erg/s/cm2/Angstrom.
    truth : dict of str to float
        Columns of the truth table.
    """

    images: np.ndarray
    flux: np.ndarray
    spectrum: np.ndarray | None
    truth: dict


def make_scene(galaxy, free, snapshot, telescope, *, dust_to_metal, offset, rng):
    """Scene of a galaxy of particles, with its centroid near the centre of the stamp.

    Parameters
    ----------
    galaxy : ParticleGalaxy
        The galaxy in the requested view.
    free : DustFree
        Its properties without dust at the snapshot.
    snapshot : Snapshot
        Tables of spectra at its redshift in the bands of the telescope.
    telescope : Telescope
        Its imager makes the images.
    dust_to_metal : float or None
        Fraction of the metals in dust; None if the stars have their own ``tau_v``.
    offset : array_like of shape (2,)
        Position of the centroid on the stamp, in arcsec.
    rng : numpy.random.Generator
        Draws the clumps of the dust.

    Returns
    -------
    Scene
        The scene.
    """
    tau_v = optical_depth(galaxy, dust_to_metal)
    if galaxy.gas is not None:
        tau_v = galaxy.conditions.add_depth(tau_v, galaxy.stars.age, rng)
    light = snapshot.light(galaxy, free, tau_v)
    imager, stars, scale = telescope.imager, galaxy.stars, snapshot.arcsec_per_kpc
    in_images = light.flux[:, : len(imager.bands)]
    reddest = in_images[:, -1].copy()
    # One row per axis: reductions are fast along rows.
    place = np.ascontiguousarray(stars.position[:, :2].T) * scale
    place = place - _find_centre(place, reddest)[:, np.newaxis]
    truth = free.quantities | light.quantities
    truth["dust_to_metal"] = np.nan if dust_to_metal is None else dust_to_metal
    truth["log_dust_mass"] = _log_dust_mass(galaxy.gas, dust_to_metal)
    truth["half_light_radius"] = _half_light_radius(place, reddest) / scale
    total = dict(zip(telescope.bands, light.total, strict=True))
    return Scene(
        imager.images(place.T + offset, stars.smoothing * scale, in_images),
        np.array([total[band] for band in telescope.photometry_bands]),
        light.spectrum,
        truth,
    )


def add_neighbours(scene, neighbours):
    """Add other galaxies to the stamps of a scene.

    Parameters
    ----------
    scene : Scene
        The galaxy.
    neighbours : sequence of Scene
        The other galaxies, at their positions.

    Returns
    -------
    Scene
        The same galaxy with neighbours; fluxes, spectrum and truth are unchanged.
    """
    images = sum((other.images for other in neighbours), start=scene.images)
    return replace(scene, images=images)


def _find_centre(place, flux):
    """Centroid within a Gaussian window around itself, in arcsec."""
    total = flux.sum()
    if total <= 0.0:
        return np.zeros(2)
    centre = place @ flux / total
    for _ in range(_CENTRING_STEPS):
        distance = np.sum((place - centre[:, np.newaxis]) ** 2, axis=0)
        weight = flux * np.exp(-0.5 * distance / _WINDOW**2)
        if weight.sum() > 0.0:
            centre = place @ weight / weight.sum()
    return centre


def _half_light_radius(place, flux):
    """Radius of the circle about the centre that holds half of the light."""
    radius = np.hypot(*place)
    order = np.argsort(radius)
    light = np.cumsum(flux[order])
    return float(radius[order[np.searchsorted(light, 0.5 * light[-1])]])


def _log_dust_mass(gas, dust_to_metal):
    """Logarithm of the mass of dust; NaN if it is unknown."""
    if gas is None or dust_to_metal is None:
        return np.nan
    with np.errstate(divide="ignore"):
        return float(np.log10(dust_mass(gas, dust_to_metal).sum()))
