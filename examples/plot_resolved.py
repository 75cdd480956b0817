"""
Map the dust of one galaxy
==========================

The pixels of a galaxy are divided into bins of a signal-to-noise ratio, and every bin is fitted.
The simulator provides images of a galaxy with and without dust, so that the map can be compared
with the truth.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import BagpipesEstimator
from dustest.report.figures import plot_map
from dustest.resolved import bin_cutouts, map_attenuation
from dustest.simulate import GalaxyPopulation, GalaxySimulator

bands = ["F115W", "F150W", "F200W", "F277W", "F444W"]
simulator = GalaxySimulator(
    bands,
    redshift=6.0,
    size=64,
    views=["xy"],
    population=GalaxyPopulation(log_mass=(9.3, 10.0)),
    spectrograph=None,
    photometry_bands=(),
)
sample, _ = simulator.draw(3, random_state=210540)
truth = simulator.true_images(3, random_state=210540)
number = int(np.argmax(sample["snr_F277W"]))

# %%
# Bins and their fluxes. All images are convolved to the point-spread function of F444W, and the
# errors of the fluxes are those of correlated noise. Without ``psf``, those of
# ``dustest.physics.make_psf`` are used:

galaxy = bin_cutouts(sample[number], psf=simulator.psfs, signal_to_noise=10, reference="F277W")
print(galaxy)
print(galaxy.sample["id", "n_pixels", "snr", "flux_F277W", "flux_err_F277W"][:3])

# %%
# Any estimator that takes fluxes fits them. All bins share tables at their redshift:

estimator = BagpipesEstimator(extra=("log_mass",), share_models=True, random_state=1)
maps = map_attenuation(galaxy, estimator=estimator)
print(maps)
maps.plot(["A_V", "log_mass", "log_SFR_100"])

# %%
# The mass of all bins together, and that of the fit to the sum of all pixels:

row = maps.sums[maps.sums["quantity"] == "log_mass"][0]
true_mass = np.log10(galaxy.sum(truth[number].mass).sum())
print(f"bins {row['bins']:.2f}, integrated {row['integrated']:.2f}, true {true_mass:.2f}")

# %%
# A_V of the simulated light in each bin, beside the fit. Fits are not unbiased: grains and
# histories of simulated galaxies are not those of the models. A calibration corrects that, see
# :ref:`resolved`:

true_a_v = -2.5 * np.log10(galaxy.sum(truth[number].V) / galaxy.sum(truth[number].V_dust_free))
_, axes = plt.subplots(1, 2, figsize=(7, 3), dpi=150, layout="constrained")
limits = (0.0, 1.1 * max(true_a_v.max(), np.nanmax(maps["A_V"].data)))
plot_map(galaxy.paint(true_a_v), label="true $A_V$ [mag]", limits=limits, ax=axes[0])
plot_map(maps["A_V"].data, label="$A_V$ [mag]", limits=limits, ax=axes[1])
