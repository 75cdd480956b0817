"""
Networks for mosaics of your own
================================

Networks are accurate for images like those that they were trained on. Here the point-spread
functions of a sample are 1.5 times as wide. The simulator measures them on the stamps, and the
networks are trained further on galaxies that it then simulates.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import CNNEstimator
from dustest.simulate import PSF, GalaxySimulator

BANDS = ("F277W", "F356W", "F444W")
usual = GalaxySimulator(
    BANDS, redshift=(6.5, 7.0), population="0.1-heavy", views=["xy"], spectrograph=None
)
shifted = usual.changed(
    psfs={b: PSF(psf.image, 1.5 * psf.pixel_scale, b) for b, psf in usual.psfs.items()}
)
sample, _ = shifted.draw(500, random_state=21)

# %%
# ``sample`` takes the place of your galaxies. Only its images, redshifts and flux errors are used,
# not the truth. The table has what was measured on the stamps: noise and background, in nJy per
# pixel, and the widths of the point-spread functions, which were about 0.12, 0.14 and 0.16 arcsec:

matched = usual.match(sample, random_state=22)
print(matched.measured["band", "rms", "background", "psf_fwhm"])

# %%
# Train on 1,500 galaxies of the matched simulator. ``held_out`` are galaxies that are predicted
# before and after: some like the sample, and some like the original training set.

training = matched.draw(1500, random_state=23)
held_out = {
    "my mosaics": shifted.draw(800, random_state=24),
    "the usual": usual.draw(800, random_state=25),
}
cnn = CNNEstimator.from_pretrained("nircam-3band").set_params(random_state=26)
cnn.finetune(*training, epochs=4, held_out=held_out)
table = cnn.adaptation_
table.round(3)
print(table["set", "quantity", "mae_before", "mae_after", "coverage_before", "coverage_after"])

# %%
# Errors decrease for the mosaics of the sample. They increase for those of the original training
# set: use adapted networks for the mosaics that they were adapted to.

figure, ax = plt.subplots(figsize=(5.5, 3.2), dpi=150, layout="constrained")
for i, (name, color) in enumerate(zip(held_out, ("#0072B2", "#D55E00"), strict=True)):
    rows = table[table["set"] == name]
    place = np.arange(len(rows)) + 0.4 * (i - 0.5)
    ax.bar(
        place, 100 * rows["change"], 0.4, yerr=100 * rows["change_err"], color=color, label=name
    )
ax.axhline(0.0, color="0.4", linewidth=0.8)
ax.set_xticks(np.arange(len(rows)), rows["quantity"])
ax.set_ylabel("change of the mean absolute error [%]")
ax.legend(frameon=False)
