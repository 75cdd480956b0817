"""
A galaxy's SED with and without dust
====================================

On request, a fit also returns the best model with and without dust, star-formation rates over two
durations, and the age. This example fits a dusty galaxy of the simulated catalogue with three
star-formation histories and a free redshift.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from dustest import BagpipesEstimator
from dustest.data import get_band
from dustest.io import load_demo

sample, truth = load_demo()
row = int(np.argmax(truth["A_V"]))
galaxy = sample[row : row + 1]
galaxy["redshift_err"] = [0.1]

histories = ("lognormal", "delayed_burst", "continuity")
tables = {
    sfh: BagpipesEstimator(
        sfh=sfh, redshift="free", extra=("history", "sed"), random_state=1
    ).estimate(galaxy)
    for sfh in histories
}

# %%
# The three agree within their errors; if a burst is allowed, some of the posterior needs no dust:

print(f"truth: A_V = {truth['A_V'][row]:.2f}, log sSFR = {truth['log_sSFR'][row]:.2f}")
for sfh, table in tables.items():
    fit = table[0]
    print(
        f"{sfh:14s} A_V = {fit['A_V']:.2f} ({fit['A_V_p16']:.2f} to {fit['A_V_p84']:.2f}), "
        f"log sSFR = {fit['log_sSFR']:.2f}, log age = {fit['log_age']:.2f}, "
        f"z = {fit['redshift']:.2f}, chi2 = {fit['chi2']:.1f}, ln evidence = "
        f"{fit['log_evidence']:.1f}"
    )

# %%
# The best model of each history, and the same stars without dust:

figure, ax = plt.subplots(figsize=(6.0, 3.6), dpi=150, layout="constrained")
for color, (sfh, table) in zip(("#0072B2", "#D55E00", "#009E73"), tables.items(), strict=True):
    micron = table["SED_wavelength"][0].to_value(u.um)
    ax.plot(micron, table["SED"][0].value, color=color, linewidth=1, label=sfh)
    ax.plot(micron, table["SED_dust_free"][0].value, color=color, linewidth=0.6, alpha=0.6)
pivots = [get_band(band).pivot * 1e-4 for band in sample.bands]
fluxes = [galaxy[f"flux_{band}"][0].value for band in sample.bands]
errors = [galaxy[f"flux_err_{band}"][0].value for band in sample.bands]
ax.errorbar(pivots, fluxes, errors, fmt="o", color="0.15", markersize=4, label="photometry")
brightest = max(table["SED_dust_free"][0].value.max() for table in tables.values())
ax.set(xlabel="observed wavelength [micron]", ylabel="flux density [nJy]", yscale="log")
ax.set(ylim=(0.3 * max(min(fluxes), 1.0), 1.5 * brightest), xlim=(0.7, 5.1))
ax.legend(frameon=False, title="thin: without dust", fontsize=8, title_fontsize=8)
