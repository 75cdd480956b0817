"""
Several dust laws, draws, and star-formation histories
======================================================

A fit with several dust laws averages their posteriors by evidence, and keeps joint draws of all
parameters on request. This example fits the brightest of the dusty galaxies of the simulated
catalogue.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from dustest import BagpipesEstimator
from dustest.io import load_demo

sample, truth = load_demo()
row = int(np.argmax(np.where(truth["A_V"].value > 0.3, sample["flux_F444W"].value, 0.0)))
galaxy = sample[row : row + 1]
laws = ("Calzetti", "SMC", "Salim")
extra = ("star_formation_history",)
table = BagpipesEstimator(dust_law=laws, extra=extra, random_state=1).estimate(galaxy, draws=1000)
fit = table[0]

# %%
# The probabilities of the laws, and A_V averaged over them:

print(f"truth: A_V = {truth['A_V'][row]:.2f}")
print(f"average: A_V = {fit['A_V']:.2f} ({fit['A_V_p16']:.2f} to {fit['A_V_p84']:.2f})")
number, a_v = fit["dust_law_draws"], table["A_V_draws"][0].value
for k, law in enumerate(laws):
    low, median, high = np.quantile(a_v[number == k], (0.16, 0.5, 0.84))
    print(
        f"{law:9s} probability {fit[f'probability_{law}']:.2f}, A_V = {median:.2f} mag "
        f"({low:.2f} to {high:.2f})"
    )

# %%
# Draws of A_V and of the mass, by law, and the star-formation history with its 68 % interval:

figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.5), dpi=150, layout="constrained")
for k, (law, color) in enumerate(zip(laws, ("#0072B2", "#D55E00", "#009E73"), strict=True)):
    chosen = number == k
    axes[0].plot(a_v[chosen], fit["log_mass_draws"][chosen], ".", ms=3, color=color, label=law)
axes[0].axvline(truth["A_V"][row].value, color="0.3", linestyle="--", linewidth=0.8)
axes[0].set(xlabel="$A_V$ [mag]", ylabel="log stellar mass [solar masses]")
axes[0].legend(frameon=False, fontsize=8)

time = table["SFH_lookback_high"][0].to_value(u.Myr)
rates = {end: table[f"SFH{end}"][0].value for end in ("", "_p16", "_p84")}
axes[1].fill_between(time, rates["_p16"], rates["_p84"], step="pre", color="0.85")
axes[1].step(time, rates[""], color="0.15", linewidth=1)
axes[1].set(xscale="log", xlim=(1.0, 1000.0), xlabel="lookback time [Myr]")
axes[1].set_ylabel("star-formation rate [solar masses / yr]")
