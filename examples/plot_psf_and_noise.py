"""
Point-spread functions and noise of NIRCam
==========================================

A point source and blank sky, as in NIRCam mosaics.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest.simulate import (
    CorrelatedNoise,
    aperture_depth,
    encircled_energy,
    make_psf,
    noise_preset,
)

# %%
# The point-spread function follows from the segmented mirror, and is wider at longer wavelengths.

bands = ["F115W", "F277W", "F444W"]
psfs = {band: make_psf(band, pixel_scale=0.03) for band in bands}

figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, (band, psf) in zip(axes, psfs.items(), strict=True):
    half = 0.5 * psf.size * psf.pixel_scale
    light = np.log10(np.maximum(psf.image / psf.image.max(), 1e-5))
    shown = ax.imshow(light, origin="lower", extent=(-half, half, -half, half), vmin=-4, vmax=0)
    ax.set(title=f"{band}\nFWHM {psf.fwhm:.3f} arcsec", xlabel="arcsec")
axes[0].set_ylabel("arcsec")
figure.colorbar(shown, ax=axes, label="log10 of light over the peak")

# %%
# Most of the light is in the core; small apertures miss the light in the wings.

radius = np.linspace(0.02, 1.0, 50)
figure, ax = plt.subplots(layout="constrained")
for band, psf in psfs.items():
    ax.plot(radius, encircled_energy(psf, radius), label=band)
ax.set(xlabel="radius [arcsec]", ylabel="fraction of the light", ylim=(0, 1))
ax.legend()

# %%
# Noise of drizzled mosaics is correlated. White noise with the same scatter of single pixels has a
# much deeper limit in an aperture.

drizzled = noise_preset("JADES-deep", "F277W")
white = CorrelatedNoise(drizzled.rms, (0.0, 0.0, 0.0), drizzled.pixel_scale)

figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
for ax, noise, name in zip(axes, (white, drizzled), ("white", "JADES-deep F277W"), strict=True):
    shown = ax.imshow(noise.draw(1, 64, random_state=1)[0], vmin=-0.045, vmax=0.045, cmap="gray")
    ax.set_title(f"{name}: 5 sigma at {aperture_depth(noise, 0.32):.1f} mag")
figure.colorbar(shown, ax=axes, label="nJy per pixel")
