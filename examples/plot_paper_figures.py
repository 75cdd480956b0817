"""
The figures of the paper
========================

One function draws each figure of the paper. The figures below are in the order of the paper, with
few galaxies: 240 simulated ones, the networks that come with dustest, and SED fits of 30 galaxies.
Figure 4, stamps of JWST galaxies, is Figure 2 with real images.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import BagpipesEstimator, CNNEstimator, MeurerEstimator
from dustest.report.figures import (
    plot_against_sed,
    plot_attenuation_ratio,
    plot_main_sequence,
    plot_network,
    plot_predictions,
    plot_stamps,
)
from dustest.simulate import GalaxyPopulation, GalaxySimulator, MassFunction
from dustest.validation import ssfr_over

BANDS = ["F277W", "F356W", "F444W"]
population = GalaxyPopulation(log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.6))
simulator = GalaxySimulator(BANDS, redshift=(7.0, 7.2), spectrograph=None, population=population)
sample, truth = simulator.draw(240, random_state=3)


def page(height):
    """An empty figure as wide as a journal page, in inches."""
    return plt.figure(figsize=(7.1, height), dpi=150, layout="constrained")


# %%
# **Figure 1:** star-formation rate against stellar mass, by
# :func:`~dustest.report.figures.plot_main_sequence`.

figure, ax = plt.subplots(figsize=(3.9, 3.1), dpi=150, layout="constrained")
ax = plot_main_sequence(truth, ax=ax)

# %%
# **Figure 2:** stamps, by :func:`~dustest.report.figures.plot_stamps`.

bright = np.argsort(sample["snr_F277W"])[::-1]
rows = bright[:32:8]
labels = [f"$A_V$ = {truth['A_V'][row].value:.2f}" for row in rows]
figure = plt.figure(figsize=(3.9, 4.6), dpi=150, layout="constrained")
figure = plot_stamps(sample, rows=rows, labels=labels, figure=figure)

# %%
# **Figure 3:** attenuation against colour excess, by
# :func:`~dustest.report.figures.plot_attenuation_ratio`.

figure, ax = plt.subplots(figsize=(3.9, 3.1), dpi=150, layout="constrained")
ax = plot_attenuation_ratio(truth, bin_width=0.2, ax=ax)

# %%
# **Figure 5:** the network for E(B-V) from one band, by
# :func:`~dustest.report.figures.plot_network`. The paper states the filters of the first
# convolution and the units of one dense layer; the other sizes are ours.

layers = CNNEstimator(BANDS[:1], ["E_BV"], "paper").layers()
ax = plot_network(layers, ax=page(2.0).add_subplot())

# %%
# **Figures 6, 7 and 8:** predictions for E(B-V), A\ :sub:`V` and sSFR against the truth, one band
# above and three below, by :func:`~dustest.report.figures.plot_predictions`.

seen = sample["snr_F277W"] > 5
networks = {
    "1 band": CNNEstimator.from_pretrained("nircam-1band").estimate(sample[seen]),
    "3 bands": CNNEstimator.from_pretrained("nircam-3band").estimate(sample[seen]),
}
figure = plot_predictions(networks, truth[seen], "E_BV", figure=page(4.6))
figure = plot_predictions(networks, truth[seen], "A_V", figure=page(4.6))
figure = plot_predictions(networks, truth[seen], "log_sSFR", figure=page(4.6))

# %%
# **Figure 9:** sSFR by the networks against that of SED fits, over 10 and over 100 Myr, by
# :func:`~dustest.report.figures.plot_against_sed`. Rows are paired by id.

fitted = np.sort(bright[:60:2])
sed = BagpipesEstimator(extra=["history"], random_state=1).estimate(sample[fitted])
fits = {f"SED, {time} Myr": ssfr_over(sed, time) for time in (10, 100)}
figure = plot_against_sed(networks, fits, "log_sSFR", figure=page(9.2))

# %%
# **Figure 10:** the same for A\ :sub:`V`.

figure = plot_against_sed(networks, {"SED": sed}, "A_V", figure=page(4.6))

# %%
# **Figure 11:** A\ :sub:`V` by Meurer's relation against that of the SED fits; below, the
# attenuation at 1600 Angstrom used as A\ :sub:`V`, which scatters more. Slopes are those of the
# photometry here, in the paper those of spectra.

meurer = {
    "Meurer": MeurerEstimator().estimate(sample[fitted]),
    "at 1600 Å": MeurerEstimator(reference="A_1600").estimate(sample[fitted]),
}
figure = plot_against_sed(meurer, {"SED": sed}, "A_V", figure=page(4.6))
plt.show()
