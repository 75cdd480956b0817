"""
Galaxies outside the training set
=================================

A detector learns clean galaxies, and what common faults do to them. Here it is fitted on a few
hundred simulated galaxies, and judges stamps with faults that are made by hand.
"""

# %%
# Fit a detector
# --------------
# The stamps are larger than the 32 pixels that are judged, so that faults such as an offset bring
# in real pixels.
import matplotlib.pyplot as plt
import numpy as np
from astropy.visualization import simple_norm
from scipy.ndimage import gaussian_filter

from dustest import ShiftDetector
from dustest.simulate import GalaxySimulator

simulator = GalaxySimulator(["F277W", "F444W"], redshift=7.0, size=48, spectrograph=None)
clean, _ = simulator.draw(1600, random_state=11)
detector = ShiftDetector(["F277W", "F444W"], random_state=1).fit(clean)

# %%
# Make faults
# -----------
# Bright galaxies of another seed are changed in one way each. Smoothing makes the noise of
# neighbouring pixels alike as a mosaic of smaller pixels does; a wider point-spread function would
# leave the noise as it is.
sample, _ = simulator.draw(400, random_state=12)
sample = sample[sample["snr_F444W"] > 15.0][:60]


def changed(bands, function):
    """Sample whose stamps in some bands are changed by a function."""
    found = sample.copy()
    for band in bands:
        stamps = sample[f"cutout_{band}"]
        found[f"cutout_{band}"] = function(stamps.value) * stamps.unit
    return found


def raised(stamps):
    """Add a background of 2.5 times the noise of a pixel."""
    noise = stamps[:, :6].std(axis=(1, 2))
    return stamps + 2.5 * noise[:, None, None]


def hole(stamps):
    """Zero the centre."""
    return np.where(np.hypot(*np.mgrid[-23.5:24, -23.5:24]) < 2.5, 0.0, stamps)


BOTH, RED = ("F277W", "F444W"), ("F444W",)
faults = {
    "none": (BOTH, lambda stamps: stamps),
    "smoothed, noise included": (BOTH, lambda stamps: gaussian_filter(stamps, (0.0, 2.0, 2.0))),
    "shifted by 7 pixels": (BOTH, lambda stamps: np.roll(stamps, 7, axis=2)),
    "background": (BOTH, raised),
    "F444W shifted": (RED, lambda stamps: np.roll(stamps, 3, axis=1)),
    "F444W 50 % brighter": (RED, lambda stamps: 1.5 * stamps),
    "wrong unit": (BOTH, lambda stamps: 10.0 * stamps),
    "zeroed centre": (BOTH, hole),
}

# %%
# Judge them
# ----------
# Each panel shows the first galaxy, the share of galaxies that is flagged, and the most frequent
# reason.
figure, axes = plt.subplots(2, 4, figsize=(10, 5.6), layout="constrained")
for axis, (name, fault) in zip(axes.flat, faults.items(), strict=True):
    stamps = changed(*fault)
    report = detector.report(stamps)
    reasons, counts = np.unique(report["reason"][report["out_of_domain"]], return_counts=True)
    reason = str(reasons[counts.argmax()]) if counts.size else "none"
    image = stamps["cutout_F444W"][0].value[8:-8, 8:-8]
    axis.imshow(image, origin="lower", norm=simple_norm(image, "asinh"), cmap="gray_r")
    share = 100.0 * np.mean(report["out_of_domain"])
    axis.set_title(f"{name}\nflagged: {share:.0f} %, {reason}", fontsize=9)
    axis.set(xticks=[], yticks=[])

# %%
# Test a whole sample
# -------------------
# A whole sample shows which property has moved, and by how much.
result = detector.test_sample(changed(*faults["background"]))
print(result["property", "usual", "value", "error", "differs"])
