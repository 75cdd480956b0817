"""Simulated galaxies: particles, their dust and light, and what a telescope sees of them."""

from dustest.simulate.noise import (
    BlankSkyNoise,
    CorrelatedNoise,
    aperture_depth,
    aperture_rms,
    noise_from_blank_sky,
    poisson_noise,
)
from dustest.simulate.noise_presets import list_noise_presets, noise_preset
from dustest.simulate.psf import PSF, encircled_energy, make_psf, read_psf, resample_psf

__all__ = [
    "PSF",
    "BlankSkyNoise",
    "CorrelatedNoise",
    "aperture_depth",
    "aperture_rms",
    "encircled_energy",
    "list_noise_presets",
    "make_psf",
    "noise_from_blank_sky",
    "noise_preset",
    "poisson_noise",
    "read_psf",
    "resample_psf",
]
