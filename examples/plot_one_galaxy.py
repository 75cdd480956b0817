"""
One galaxy: its fit, its slope and the answers of all methods
=============================================================

Two methods disagree on a galaxy. Which one is right? This example draws the data, the fits and the
posterior of one simulated galaxy whose truth is known.
"""

import matplotlib.pyplot as plt

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.io import load_demo
from dustest.report import plot_galaxy

sample, truth = load_demo()
galaxy = sample[6:7]
name = int(galaxy["id"][0])
methods = {
    "SED, default": BagpipesEstimator(random_state=1),
    "SED, Calzetti": BagpipesEstimator(dust_law="Calzetti", random_state=1),
    "slope": MeurerEstimator(),
}
tables = {key: method.estimate(galaxy, draws=500) for key, method in methods.items()}

# %%
# Stamps, fit and slope, and the A_V of every method beside the truth:

figure = plt.figure(figsize=(7.1, 6.1), dpi=120, layout="constrained")
plot_galaxy(tables, name, galaxy, truth=truth, figure=figure)

# %%
# Two ultraviolet bands at S/N 5 hardly measure a slope. The fit sees the same reddening in all
# bands, and its posterior says why it is so wide: the slope of the dust law, and the age.

figure = plt.figure(figsize=(5.5, 5.5), dpi=120)
names = ["A_V", "log_sSFR", "dust:delta", "log_age"]
tables["SED, default"].plot_corner(name, parameters=names, figure=figure)
