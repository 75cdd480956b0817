"""
Cutouts from a mosaic, with flags
=================================

Some galaxies are at edges, on bad pixels or too faint. This example uses a small simulated mosaic.
`~dustest.io.add_cutouts` cuts all of them, in stamps of one shape, and flags each.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.modeling.models import Sersic2D
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable
from astropy.wcs import WCS

from dustest.io import add_cutouts

# %%
# Four galaxies: a regular one, one at the edge, one on a block of dead pixels, one too faint.

rng = np.random.default_rng(1)
wcs = WCS(naxis=2)
wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.16, -27.78]
wcs.wcs.crpix, wcs.wcs.cdelt = [64, 64], [-0.03 / 3600, 0.03 / 3600]

x, y = np.array([40.0, 120.0, 50.0, 92.0]), np.array([95.0, 70.0, 35.0, 30.0])
brightness = [1.0, 1.2, 1.0, 0.006]
columns, rows = np.meshgrid(np.arange(128), np.arange(128))
image = rng.normal(0.0, 0.02, (128, 128))
for x_0, y_0, amplitude in zip(x, y, brightness, strict=True):
    galaxy = Sersic2D(amplitude=amplitude, r_eff=3.0, n=1.0, x_0=x_0, y_0=y_0, ellip=0.3)
    image += galaxy(columns, rows)
dead = np.zeros(image.shape, dtype=bool)
dead[38:46, 44:58] = True

mosaic = CCDData(
    image,
    unit=u.nJy,
    wcs=wcs,
    mask=dead,
    uncertainty=StdDevUncertainty(np.full(image.shape, 0.02)),
)

# %%
# Only positions on the sky are needed. Pixels beyond the edge are NaN and masked.

sky = wcs.pixel_to_world(x, y)
sample = add_cutouts(QTable({"ra": sky.ra, "dec": sky.dec}), {"F277W": mosaic}, size=32)

# %%
# Each stamp with its signal-to-noise ratio and its flags; masked pixels are grey.

from dustest.data import decode_flags

figure, axes = plt.subplots(1, 4, figsize=(7.5, 2.5), dpi=150, layout="constrained")
names = decode_flags(np.asarray(sample["flags"]))
stamps = np.where(sample["cutout_mask_F277W"], np.nan, sample["cutout_F277W"].value)
for ax, stamp, snr, flags in zip(axes, stamps, sample["snr_F277W"], names, strict=True):
    ax.imshow(np.arcsinh(stamp / 0.05), origin="lower", cmap="viridis", vmin=-1, vmax=4)
    ax.set_title(f"S/N {snr:.0f}\n{', '.join(flags) or 'no flag'}", fontsize=8)
    ax.set(xticks=[], yticks=[])
    ax.set_facecolor("0.85")

# %%
# Every estimator passes the flags on to its results.
