"""
Dust of galaxies with an AGN
============================

The light of an active galactic nucleus (AGN) changes the attenuation that a fit of stars alone
finds. This example draws galaxies of which an AGN has half of the light, and fits them with and
without one.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest import BagpipesEstimator

bands = ["F814W", "F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"]
limits = {"dust:Av": (0.0, 1.5)}
priors = limits | {"agn:fraction": 0.5}
truth = BagpipesEstimator(agn=True, priors=priors).draw_models(64, bands, 6.0, random_state=3)
truth = truth[:30]

rng = np.random.default_rng(1)
sample = QTable({"id": np.arange(len(truth)), "redshift": truth["redshift"]})
brightest = np.max([truth[f"flux_{band}"].value for band in bands], axis=0) * u.nJy
for band in bands:
    error = brightest / 30.0
    sample[f"flux_{band}"] = truth[f"flux_{band}"] + error * rng.standard_normal(len(truth))
    sample[f"flux_err_{band}"] = error

# %%
# Both models are fitted, and the result has both. The errors have no further floor, as the
# models are right here:

sed = BagpipesEstimator(agn=(False, True), priors=limits, error_floor=0.0, random_state=1)
table = sed.estimate(sample)
for name in ("no_AGN", "AGN"):
    error = table[f"A_V_{name}"] - truth["A_V"]
    low, high = table[f"A_V_{name}_p16"], table[f"A_V_{name}_p84"]
    covered = np.mean((truth["A_V"] >= low) & (truth["A_V"] <= high))
    print(f"{name:7s} median error {np.median(error):+.2f}, covered {100 * covered:.0f} %")
difference = table["log_evidence_AGN"] - table["log_evidence_no_AGN"]
print(f"ln evidence of an AGN over none: median {np.median(difference):.1f}")

# %%
# A_V of stars alone, and beside an AGN:

figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.5), dpi=150, layout="constrained", sharey=True)
titles = {"no_AGN": "stars alone", "AGN": "stars and AGN"}
for ax, (name, title) in zip(axes, titles.items(), strict=True):
    median = table[f"A_V_{name}"].value
    ends = [table[f"A_V_{name}_{level}"].value for level in ("p16", "p84")]
    errors = np.abs(np.array(ends) - median)
    points = ax.scatter(truth["A_V"].value, median, c=difference, s=14, vmin=-3, vmax=10)
    ax.errorbar(truth["A_V"].value, median, errors, fmt="none", color="0.7", zorder=0)
    ax.plot([0.0, 1.5], [0.0, 1.5], color="0.3", linewidth=0.8)
    ax.set(title=title, xlabel="true $A_V$ [mag]")
axes[0].set_ylabel("$A_V$ [mag]")
figure.colorbar(points, label="ln evidence of an AGN over none")
