"""Noiseless stamps, fluxes and spectra of galaxies."""

from dataclasses import dataclass, replace

import numpy as np

from dustest.simulate.emission.dust import dust_mass, optical_depth
from dustest.simulate.emission.snapshot import HUNDRED_MYR, MAG_PER_TAU

__all__ = [
    "Scene",
    "TrueImages",
    "add_neighbours",
    "make_scene",
    "make_true_images",
]

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


@dataclass(frozen=True, eq=False)
class TrueImages:
    """Noiseless images of a galaxy with and without dust, and maps of its stars.

    Parameters
    ----------
    group, view : str
        Name of the galaxy, and of the view.
    redshift : float
        Redshift.
    bands : tuple of str
        Bands of the images.
    images, dust_free : ndarray of shape (n_bands, size, size)
        Images with and without dust in nJy per pixel, each with the point-spread function of its
        band.
    V, V_dust_free : ndarray of shape (size, size)
        Light at 5500 Angstrom in the rest frame with and without dust, in Lsun / Angstrom per
        pixel; this and the following with one point-spread function.
    mass : ndarray of shape (size, size)
        Surviving stellar mass in solar masses per pixel.
    SFR : ndarray of shape (size, size)
        Star-formation rate over 100 Myr in solar masses per year and pixel.
    """

    group: str
    view: str
    redshift: float
    bands: tuple
    images: np.ndarray
    dust_free: np.ndarray
    V: np.ndarray
    V_dust_free: np.ndarray
    mass: np.ndarray
    SFR: np.ndarray

    @property
    def A_V(self):
        """Attenuation at V of the light of each pixel in mag, NaN without light."""
        lit = (self.V > 0.0) & (self.V_dust_free > 0.0)
        share = np.divide(self.V, self.V_dust_free, out=np.ones(lit.shape), where=lit)
        return np.where(lit, -2.5 * np.log10(share) + 0.0, np.nan)


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
    seen = _see(galaxy, free, snapshot, telescope, dust_to_metal, rng)
    light, stars, scale = seen.light, galaxy.stars, snapshot.arcsec_per_kpc
    truth = free.quantities | light.quantities
    truth["dust_to_metal"] = np.nan if dust_to_metal is None else dust_to_metal
    truth["log_dust_mass"] = _log_dust_mass(galaxy.gas, dust_to_metal)
    truth["half_light_radius"] = _half_light_radius(seen.place, seen.flux[:, -1].copy()) / scale
    total = dict(zip(telescope.bands, light.total, strict=True))
    return Scene(
        telescope.imager.images(seen.place.T + offset, stars.smoothing * scale, seen.flux),
        np.array([total[band] for band in telescope.photometry_bands]),
        light.spectrum,
        truth,
    )


def make_true_images(galaxy, free, snapshot, telescope, maps, *, dust_to_metal, offset, rng):
    """Noiseless images of a galaxy with and without dust, as on the stamps of `make_scene`.

    Parameters
    ----------
    galaxy : ParticleGalaxy
        The galaxy in the requested view.
    free : DustFree
        Its properties without dust at the snapshot.
    snapshot : Snapshot
        Tables of spectra at its redshift.
    telescope : Telescope
        Its imager makes the images.
    maps : Imager
        Makes the maps of light at V, mass and star formation; of one band.
    dust_to_metal : float or None
        As for `make_scene`.
    offset : array_like of shape (2,)
        As for `make_scene`.
    rng : numpy.random.Generator
        As for `make_scene`.

    Returns
    -------
    images : dict of str to ndarray
        Fields of `TrueImages`.
    """
    seen = _see(galaxy, free, snapshot, telescope, dust_to_metal, rng)
    stars, imager = galaxy.stars, telescope.imager
    where = seen.place.T + offset, stars.smoothing * snapshot.arcsec_per_kpc
    mass, n_bands = stars.mass[:, np.newaxis], len(imager.bands)
    a_v = free.depth_share * MAG_PER_TAU * seen.tau_v
    light = {
        "V": (mass * free.stars.v_and_b(a_v))[:, :1],
        "V_dust_free": (mass * free.stars.v_and_b())[:, :1],
        "mass": mass * snapshot.surviving_fraction(galaxy, free)[:, np.newaxis],
        "SFR": mass * (stars.age <= HUNDRED_MYR)[:, np.newaxis] / HUNDRED_MYR,
    }
    return {
        "images": imager.images(*where, seen.flux),
        "dust_free": imager.images(*where, mass * free.stars.flux()[:, :n_bands]),
    } | {name: maps.images(*where, one)[0] for name, one in light.items()}


@dataclass(frozen=True, eq=False)
class _Seen:
    """Light of the stars of a galaxy, and where they are.

    Parameters
    ----------
    tau_v : ndarray of shape (n_stars,)
        Optical depths at V in front of the stars.
    light : Light
        Fluxes of the stars in all bands of a telescope.
    flux : ndarray of shape (n_stars, n_bands)
        Fluxes in the bands of its images.
    place : ndarray of shape (2, n_stars)
        Position in arcsec from the centroid in the last of these.
    """

    tau_v: np.ndarray
    light: object
    flux: np.ndarray
    place: np.ndarray


def _see(galaxy, free, snapshot, telescope, dust_to_metal, rng):
    """Light of the stars of a galaxy behind its dust."""
    tau_v = optical_depth(galaxy, dust_to_metal)
    if galaxy.gas is not None:
        tau_v = galaxy.conditions.add_depth(tau_v, galaxy.stars.age, rng)
    light = snapshot.light(galaxy, free, tau_v)
    flux = light.flux[:, : len(telescope.imager.bands)]
    # One row per axis: reductions are fast along rows.
    place = np.ascontiguousarray(galaxy.stars.position[:, :2].T) * snapshot.arcsec_per_kpc
    centre = _find_centre(place, flux[:, -1].copy())
    return _Seen(tau_v, light, flux, place - centre[:, np.newaxis])


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
