"""
Dusty galaxies with known truth
===============================

The simulator makes galaxies as JWST would observe them. This example shows their images, their
main sequence, and why :math:`R_V` is not a constant: the dust in front of every star follows one
law, but the attenuation of the whole galaxy becomes greyer with more dust.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest.report.figures import (
    plot_attenuation_ratio,
    plot_main_sequence,
    plot_stamps,
)
from dustest.simulate import GalaxyPopulation, GalaxySimulator, MassFunction

# %%
# Massive galaxies are rare. To draw more of the dusty ones, the number density is multiplied by a
# power of the mass. A simulator at three redshifts is enough here.

population = GalaxyPopulation(log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.8))
simulator = GalaxySimulator(
    ["F277W", "F356W", "F444W"], redshift=(6.0, 6.2), population=population
)
sample, truth = simulator.draw(800, random_state=1)
print(truth["id", "redshift", "dust_to_metal", "A_V", "R_V", "log_mass"][:4])

# %%
# Stamps of a few galaxies, brightest first, with the correlated noise of the survey. All bands of
# a galaxy share one scale, so that colours are visible.

bright = np.argsort(sample["snr_F444W"])[::-1]
first = [row for row in bright if truth["view"][row] == "xy"][:12:2]
labels = [f"$A_V$ = {truth['A_V'][row].value:.2f}" for row in first]
plot_stamps(
    sample, rows=first, labels=labels, figure=plt.figure(figsize=(5, 9), layout="constrained")
)

# %%
# Four views of one galaxy, each with its own dust-to-metal ratio.

views = np.flatnonzero(sample["group"] == sample["group"][first[1]])
labels = [f"{truth['view'][row]}, $A_V$ = {truth['A_V'][row].value:.2f}" for row in views]
plot_stamps(
    sample, rows=views, labels=labels, figure=plt.figure(figsize=(5, 6.5), layout="constrained")
)

# %%
# Star-formation rate against mass, and attenuation against reddening.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
plot_main_sequence(truth, ax=axes[0])
plot_attenuation_ratio(truth, ax=axes[1], bin_width=0.2)

# %%
# The same galaxies have rest-ultraviolet spectra like those of the NIRSpec prism.

figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
for row in (first[0], first[3]):
    wavelength = sample["spectrum_wavelength"][row].to_value("um")
    flux = sample["spectrum_flux"][row].value
    label = rf"$A_V$ = {truth['A_V'][row].value:.2f}, $\beta$ = {truth['beta'][row]:.2f}"
    ax.step(wavelength, flux / np.nanmax(flux), where="mid", lw=0.8, label=label)
ax.set(xlabel="observed wavelength [micron]", ylabel="$F_\\lambda$, to its maximum")
ax.legend(frameon=False)
plt.show()
