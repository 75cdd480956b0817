"""
A catalogue that is read in parts
=================================

A survey of many million galaxies need not fit in memory. This example writes a catalogue of 20,000
galaxies as Parquet, estimates their A_V part by part, and makes a map of the median A_V from the
result, without reading the whole of either.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table
from scipy.stats import binned_statistic_2d

from dustest import MeurerEstimator
from dustest.data import get_band
from dustest.io import open_catalog

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "survey.parquet"

# %%
# The galaxies have power-law spectra behind more dust in the north of the field. The names of the
# columns are those of JADES; fluxes are in nJy.

n = 20_000
rng = np.random.default_rng(230440)
table = Table({"ID": np.arange(n), "RA": rng.uniform(53.0, 53.4, n)})
table["DEC"] = rng.uniform(-27.9, -27.6, n)
table["z_phot"] = rng.uniform(5.5, 6.5, n)
beta = -2.4 + 2.0 * (table["DEC"] + 27.9) + rng.normal(0.0, 0.2, n)
for band in ("F115W", "F150W", "F200W", "F277W"):
    flux = 50.0 * (get_band(band).pivot / 20_000.0) ** (beta + 2.0)
    table[f"{band}_KRON"] = flux + rng.normal(0.0, 2.0, n)
    table[f"{band}_KRON_e"] = np.full(n, 2.0)
table.write(path)

# %%
# `dustest.io.open_catalog` recognises the layout and chooses the column of redshifts. Each part is
# a sample; the estimator reads one after the other, and the result is on disc.

catalog = open_catalog(path, columns={"ra": "RA", "dec": "DEC"}, rows_at_once=4096)
print(catalog)
print([len(part) for part in catalog])

result = MeurerEstimator().estimate(catalog, output=Path(folder.name) / "result.parquet")
print(result)

# %%
# The map needs one column of the result and the positions.

a_v = result.read(["A_V"])["A_V"].value
ra, dec = np.concatenate([[part["ra"].value, part["dec"].value] for part in catalog], axis=1)
known = np.isfinite(a_v)
median, x, y, _ = binned_statistic_2d(
    ra[known], dec[known], a_v[known], statistic="median", bins=(16, 12)
)

figure, ax = plt.subplots(figsize=(5.5, 4.0), layout="constrained")
image = ax.pcolormesh(x, y, median.T)
ax.set(xlabel="right ascension (deg)", ylabel="declination (deg)")
ax.invert_xaxis()
figure.colorbar(image, label="median $A_V$ (mag)")
plt.show()
folder.cleanup()
