"""
A flux of ALMA narrows A_V
==========================

Dust emits in the far infrared what it absorbs from stars. This example adds a flux of ALMA to the
photometry of some galaxies, and one that contradicts it.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest import BagpipesEstimator
from dustest.data import decode_flags, get_band

optical = ["F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W"]
bands = [*optical, "ALMA_B7"]
priors = {"dust:Av": (0.3, 1.5), "delayed:massformed": (9.5, 10.5)}
truth = BagpipesEstimator(priors=priors).draw_models(32, bands, 6.5, random_state=4)[:12]

rng = np.random.default_rng(2)
sample = QTable({"id": np.arange(len(truth)), "redshift": truth["redshift"]})
brightest = np.max([truth[f"flux_{band}"].value for band in optical], axis=0) * u.nJy
for band in bands:
    error = brightest / 10.0 if band in optical else truth[f"flux_{band}"] / 5.0
    sample[f"flux_{band}"] = truth[f"flux_{band}"] + error * rng.standard_normal(len(truth))
    sample[f"flux_err_{band}"] = error

# %%
# The flux of the last galaxy is that of a bright neighbour:

sample["flux_ALMA_B7"][-1] *= 300.0
table = BagpipesEstimator(extra=("sed",), random_state=1).estimate(sample)
print("conflict:", ["INFRARED_CONFLICT" in names for names in decode_flags(table["flags"])])

# %%
# Intervals with and without the far infrared, and the best model of one galaxy:

figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.4), dpi=150, layout="constrained")
rows = np.argsort(truth["A_V"].value[:-1])
styles = {"A_V_without_far_infrared": (-0.15, "0.6"), "A_V": (0.15, "#D55E00")}
for name, (shift, color) in styles.items():
    low, high = (table[f"{name}_{level}"].value[rows] for level in ("p16", "p84"))
    place = np.arange(len(rows)) + shift
    left.vlines(place, low, high, color=color, linewidth=3, label=name)
left.plot(truth["A_V"].value[rows], "_", color="black", markersize=12, label="truth")
left.set(xlabel="galaxy", ylabel="$A_V$ [mag]")
left.legend(frameon=False, fontsize=8)

one = int(rows[-1])
micron = table["SED_wavelength"][one].to_value(u.um)
for name, color in (("SED_dust_free", "0.7"), ("SED", "#D55E00")):
    right.plot(micron, table[name][one].to_value(u.uJy), color=color, linewidth=1, label=name)
pivots = [get_band(band).pivot * 1e-4 for band in bands]
fluxes, errors = (
    [sample[f"{kind}_{band}"][one].to_value(u.uJy) for band in bands]
    for kind in ("flux", "flux_err")
)
right.errorbar(pivots, fluxes, errors, fmt="o", color="0.15", markersize=4)
right.set(xscale="log", yscale="log", xlabel="observed wavelength [micron]")
right.set(ylabel="flux density [uJy]", ylim=(1e-3 * max(fluxes), 5.0 * max(fluxes)))
right.legend(frameon=False, fontsize=8)
