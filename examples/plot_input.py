"""
A catalogue with mixed units and missing values
===============================================

Catalogues mix units, use -99 for missing values, have different names for identifiers and contain
bad fluxes. This example makes such a catalogue from the simulated one, reads it, fits it, and
compares the result with a truth table in another order.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.table import Column, QTable, Table

from dustest import BagpipesEstimator
from dustest.data import FLAGS, InputError
from dustest.io import load_demo, read_catalog
from dustest.validation import compute_metrics, match_rows

sample, truth = load_demo()
sample, truth = sample[:60], truth[:60]
rng = np.random.default_rng(1)

# %%
# The catalogue declares F150W in microjansky and nothing for the other bands. Some fluxes are
# missing, and ten galaxies have a wrong F200W.

catalog = Table({"NUMBER": [f"gal-{i}" for i in sample["id"]], "z_phot": sample["redshift"]})
for band in sample.bands:
    flux, error = (sample[f"{kind}_{band}"].to_value(u.nJy) for kind in ("flux", "flux_err"))
    absent = rng.random(len(sample)) < 0.05
    catalog[f"{band}_flux"] = np.where(absent, -99.0, flux)
    catalog[f"{band}_flux_err"] = np.where(absent, -99.0, error)
for name in ("F150W_flux", "F150W_flux_err"):
    good = catalog[name] > -99.0
    catalog[name] = Column(np.where(good, catalog[name] / 1000.0, -99.0), unit="uJy")
spoiled = rng.choice(len(sample), 10, replace=False)
catalog["F200W_flux"][spoiled] *= 5.0

# %%
# Ten bands without a unit and one with a unit are ambiguous, so that reading the catalogue raises
# an error. The message says how to give the unit; F150W keeps its own.

try:
    read_catalog(catalog)
except InputError as error:
    print(error)

others = {name: "nJy" for name in catalog.colnames if "_flux" in name and "F150W" not in name}
read = read_catalog(catalog, unit=others)
print(read["id", "redshift", "flux_F150W", "flux_F200W"][:3])

# %%
# Bad fluxes are flagged: a galaxy whose data are improbable under every model of the fit has the
# flag ``POOR_FIT``. The probability is that of the chi-square over the posterior.

table = BagpipesEstimator(random_state=1).estimate(read)
poor = (table["flags"] & FLAGS["POOR_FIT"].value) > 0
print(f"flagged: {poor.sum()} of {len(table)}; of the spoiled ones {poor[spoiled].sum()} of 10")

# %%
# The truth has another order and another name for its identifiers; rows are paired by identifier.

order = rng.permutation(len(truth))
known = QTable({"ID": [f"gal-{i}" for i in truth["id"][order]], "A_V": truth["A_V"][order]})
rows, other_rows = match_rows(table["id"], known["ID"])
true = known["A_V"][other_rows]
for name, use in (("all galaxies", np.ones_like(poor)), ("without POOR_FIT", ~poor)):
    found = compute_metrics(table["A_V"][rows][use[rows]], true[use[rows]], random_state=1)
    print(f"{name}: n = {found['n']}, MAE of A_V = {found['mae']:.2f} mag")

# %%
# The fits of wrong fluxes differ by their probability, not by their A_V:

figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.3), dpi=150, layout="constrained")
colors = {"POOR_FIT": "#D55E00", "other": "#0072B2"}
for label, use in (("other", ~poor[rows]), ("POOR_FIT", poor[rows])):
    median = table["A_V"][rows][use].value
    low, high = (table[f"A_V_{p}"][rows][use].value for p in ("p16", "p84"))
    axes[0].errorbar(
        true[use].value,
        median,
        [median - low, high - median],
        fmt="o",
        color=colors[label],
        markersize=3,
        linewidth=0.7,
        label=label,
    )
    probability = np.maximum(table["fit_probability"][rows][use], 1e-12)
    bins = np.linspace(-12.0, 0.0, 25)
    axes[1].hist(np.log10(probability), bins=bins, color=colors[label], label=label)
limit = 1.05 * max(true.max().value, np.nanmax(table["A_V_p84"].value))
axes[0].plot([0.0, limit], [0.0, limit], color="0.6", linewidth=0.8, zorder=0)
axes[0].set(xlabel=r"true $A_V$ [mag]", ylabel=r"fitted $A_V$ [mag]")
axes[0].legend(frameon=False)
axes[1].axvline(-4.0, color="0.6", linewidth=0.8)
axes[1].set(xlabel=r"$\log_{10}$ fit probability (below -12: at -12)", ylabel="galaxies")
