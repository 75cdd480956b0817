"""
Total fluxes from mosaics
=========================

Many catalogues have positions and redshifts, but no photometry in all bands. This example
simulates a field in three bands with the noise of JADES, and `~dustest.io.add_photometry` measures
total fluxes in apertures that are matched to the broadest point-spread function.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.modeling.models import Sersic2D
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable
from astropy.wcs import WCS
from scipy.signal import fftconvolve

from dustest.io import add_photometry
from dustest.physics import make_psf
from dustest.simulate import noise_preset

# %%
# 36 galaxies with exponential discs, of 10 to 100 nJy in F277W and of different colours. One of
# them has a neighbour. Fluxes are those of the galaxies before the telescope.

rng = np.random.default_rng(210430)
bands = ("F115W", "F277W", "F444W")
psfs = {band: make_psf(band, pixel_scale=0.03, size=151) for band in bands}
side, spacing, stamp = 540, 90, 75
flux = 10.0 ** rng.uniform(1.0, 2.0, 36)
colour = np.stack([rng.uniform(0.3, 0.9, 36), np.ones(36), rng.uniform(0.8, 1.6, 36)], axis=1)
truth = flux[:, np.newaxis] * colour
x, y = 45 + spacing * np.array(np.divmod(np.arange(36), 6)) + rng.uniform(-0.5, 0.5, (2, 36))

columns, rows = np.meshgrid(np.arange(side), np.arange(side))
light = np.zeros((3, side, side))
for galaxy in range(36):
    near = (slice(int(y[galaxy]) - 37, int(y[galaxy]) + 38),
            slice(int(x[galaxy]) - 37, int(x[galaxy]) + 38))  # fmt: skip
    size = 10.0 ** rng.normal(0.5, 0.15)
    disc = Sersic2D(1.0, size, 1.0, x[galaxy], y[galaxy], rng.uniform(0.0, 0.6), rng.uniform(0, 3))
    fine = disc(columns[near], rows[near])
    light[:, *near] += truth[galaxy][:, np.newaxis, np.newaxis] * fine / fine.sum()
star = (48, 45 + spacing + 13)
light[:, star[0], star[1]] += 80.0

wcs = WCS(naxis=2)
wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.16, -27.78]
wcs.wcs.crpix, wcs.wcs.cdelt = [270, 270], [-0.03 / 3600, 0.03 / 3600]
mosaics = {}
for band, image in zip(bands, light, strict=True):
    noise = noise_preset("JADES-deep", band)
    pixels = fftconvolve(image, psfs[band].image, mode="same")
    pixels += noise.draw(1, (side, side), rng)[0]
    error = StdDevUncertainty(np.full(pixels.shape, noise.rms))
    mosaics[band] = CCDData(pixels, unit=u.nJy, wcs=wcs, uncertainty=error)

# %%
# Positions are enough. The redshifts of a sample, if it has any, stay as they are. Without
# ``psf``, the point-spread functions would be computed in the same way.

sky = wcs.pixel_to_world(x, y)
sample = add_photometry(QTable({"ra": sky.ra, "dec": sky.dec}), mosaics, psf=psfs)
sample["flux_F277W", "flux_err_F277W", "aperture_correction", "replaced_fraction", "flags"][:5]

# %%
# ``meta`` records how they were measured. The error map has the rms of the pixels, but not their
# correlation, which is measured on the sky.

import json

record = json.loads(sample.meta["photometry"])
print(record["target_psf"], record["noise"]["F277W"])

# %%
# Fluxes over the true ones; errors contain the noise in the aperture and that of the correction.

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.6), dpi=150, layout="constrained")
left.imshow(np.arcsinh(mosaics["F277W"].data / 0.05), origin="lower", cmap="gray_r")
for x_0, y_0 in zip(x, y, strict=True):
    left.add_patch(plt.Circle((x_0, y_0), 0.25 / 0.03, fill=False, color="C1"))
left.set(title="F277W, with the apertures", xticks=[], yticks=[])
for number, band in enumerate(bands):
    true, measured = truth[:, number], sample[f"flux_{band}"].value
    right.errorbar(
        true * (1.0 + 0.02 * (number - 1)),
        measured / true,
        sample[f"flux_err_{band}"].value / true,
        fmt=".",
        label=band,
        linewidth=0.8,
    )
right.axhline(1.0, color="0.5", linewidth=0.8)
right.set(xscale="log", xlabel="true flux [nJy]", ylabel="measured / true", ylim=(0.6, 1.4))
right.legend()
pulls = [(sample[f"flux_{band}"].value - truth[:, number]) / sample[f"flux_err_{band}"].value
         for number, band in enumerate(bands)]  # fmt: skip
print(f"scatter of the differences in units of the errors: {np.std(pulls):.2f}")
