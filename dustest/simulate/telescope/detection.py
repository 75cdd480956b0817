"""Noise of instruments, added to noiseless scenes."""

from dataclasses import dataclass, field

import numpy as np

from dustest.data.signal_to_noise import SNR_DIAMETER
from dustest.simulate.telescope.noise import poisson_noise

__all__ = ["Observed", "Telescope"]

_NOISE_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Observed:
    """A galaxy with the noise of the instruments.

    Parameters
    ----------
    images : ndarray of shape (n_bands, size, size)
        Stamps in nJy per pixel.
    snr : ndarray of shape (n_bands,)
        Signal-to-noise ratios of the stamps in an aperture of 0.32 arcsec.
    flux, flux_err : ndarray of shape (n_photometry,)
        Total fluxes in nJy.
    spectrum, spectrum_err : ndarray of shape (n_wave,) or None
        Spectrum in erg/s/cm2/Angstrom.
    """

    images: np.ndarray
    snr: np.ndarray
    flux: np.ndarray
    flux_err: np.ndarray
    spectrum: np.ndarray | None
    spectrum_err: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Telescope:
    """Imager, noise of its images, errors of fluxes, and spectrograph.

    Parameters
    ----------
    imager : Imager
        Makes the images.
    noises : tuple
        Noise of the images, one per band of the imager: any object with a ``draw`` method.
    photometry_bands : tuple of str
        Bands with total fluxes.
    flux_errors : ndarray of shape (n_photometry,)
        Standard errors of total fluxes in nJy.
    spectrograph : PrismSpectrograph or None
        Makes the spectra, if any.
    electrons_per_njy : float or None
        Electrons detected per nJy, for the photon noise of the source.
    """

    imager: object
    noises: tuple
    photometry_bands: tuple
    flux_errors: np.ndarray
    spectrograph: object
    electrons_per_njy: float | None
    _aperture: np.ndarray = field(init=False, repr=False)
    _aperture_rms: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        size = self.imager.size
        aperture = _aperture_mask(size, SNR_DIAMETER / self.imager.pixel_scale)
        rms = [
            np.std(np.tensordot(noise.draw(_NOISE_DRAWS, size, 0), aperture, axes=2))
            for noise in self.noises
        ]
        object.__setattr__(self, "_aperture", aperture)
        object.__setattr__(self, "_aperture_rms", np.array(rms))

    @property
    def bands(self):
        """All bands, each once, those of the images first (tuple of str)."""
        return tuple(dict.fromkeys((*self.imager.bands, *self.photometry_bands)))

    def observe(self, scene, rng):
        """Add noise to a scene.

        Parameters
        ----------
        scene : Scene
            The noiseless scene.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Observed
            Images, fluxes and spectrum with noise.
        """
        images = (scene.images + self._image_noise(scene.images, rng)).astype(np.float32)
        snr = np.tensordot(images, self._aperture, axes=2) / self._aperture_rms
        flux_err = self._flux_err(scene.flux)
        flux = scene.flux + flux_err * rng.standard_normal(len(scene.flux))
        if scene.spectrum is None:
            return Observed(images, snr, flux, flux_err, None, None)
        error = self.spectrograph.flux_error(scene.spectrum)
        spectrum = scene.spectrum + error * rng.standard_normal(len(error))
        return Observed(images, snr, flux, flux_err, spectrum, error)

    def _flux_err(self, flux):
        """Standard errors of fluxes; NaN where there is none."""
        variance = self.flux_errors**2
        if self.electrons_per_njy is not None:
            variance = variance + np.maximum(flux, 0.0) / self.electrons_per_njy
        return np.where(np.isfinite(flux), np.sqrt(variance), np.nan)

    def _image_noise(self, images, rng):
        """Noise of all stamps, (n_bands, size, size)."""
        noise = np.concatenate([noise.draw(1, images.shape[1:], rng) for noise in self.noises])
        if self.electrons_per_njy is not None:
            noise = noise + poisson_noise(images, self.electrons_per_njy, rng)
        return noise


def _aperture_mask(size, diameter):
    """Fraction of every pixel of a stamp within a circle about its centre."""
    from photutils.aperture import CircularAperture

    aperture = CircularAperture((0.5 * (size - 1), 0.5 * (size - 1)), 0.5 * diameter)
    return aperture.to_mask(method="exact").to_image((size, size))
