"""
Files of strangers
==================

Files are damaged on the way, and some are made to do harm. This example damages and forges files
and shows what dustest says: one sentence for each, and no other file is opened and no code of a
file runs. Rows of a run that were damaged on disk are computed again.
"""

import gzip
import pickle
import tempfile
import warnings
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
from astropy.table import QTable

from dustest import CNNEstimator, MeurerEstimator
from dustest.data import DustestError, ReadError
from dustest.io import load_demo, read_catalog

folder = tempfile.TemporaryDirectory()
home = Path(folder.name)


def show_error(read, path):
    """Print what a reader says of a file."""
    try:
        read(path)
    except ReadError as error:
        print("ReadError:", str(error).replace(str(home), "..."))


# %%
# A catalogue that ends early, and an HDF5 file whose table is a link to another file of the disk.

galaxies, _ = load_demo()
catalog = galaxies["id", "redshift", *(n for n in galaxies.colnames if n.startswith("flux"))]
catalog.write(home / "catalog.fits")
content = (home / "catalog.fits").read_bytes()
(home / "short.fits").write_bytes(content[: len(content) // 2])
show_error(read_catalog, home / "short.fits")

with h5py.File(home / "link.h5", "w") as file:
    file["catalog"] = h5py.ExternalLink("/home/somebody/private.h5", "/table")
show_error(read_catalog, home / "link.h5")

# %%
# Models have a digest of the whole file, so that a single changed bit is found. A pickle, which
# would run code if it were loaded as such, is no model. The digest does not say who made a file:
# compare it with the one that the author published.

CNNEstimator.from_pretrained("nircam-1band").save(home / "mine.model")
forged = bytearray((home / "mine.model").read_bytes())
forged[-1000] ^= 1
(home / "mine.model").write_bytes(forged)
show_error(CNNEstimator.load, home / "mine.model")

(home / "pickle.model").write_bytes(pickle.dumps(print))
show_error(CNNEstimator.load, home / "pickle.model")

# %%
# Long runs store their rows beside the result. Here, one bit of the result of one galaxy changes
# on the disk. Its row has another checksum then, and is computed again when the run is resumed.

estimator = MeurerEstimator()
table = estimator.estimate(catalog, output=home / "result.fits")
store = home / "result.fits.sqlite"
number = np.flatnonzero(np.isfinite(table["A_V"]))[20]
stored = bytearray(store.read_bytes())
stored[stored.index(table["A_V"][number].value.tobytes())] ^= 1
store.write_bytes(stored)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    resumed = estimator.estimate(catalog, output=home / "result.fits", resume=True)
print(*{str(warning.message).replace(str(home), "...") for warning in caught}, sep="\n")
print("equal to the first run:", np.array_equal(resumed["A_V"], table["A_V"], equal_nan=True))

# %%
# How much damage is noticed depends on the format. In each of 30 copies of the catalogue, one byte
# is changed. FITS files of dustest have checksums, those of astropy do not, and compressed files
# always have them. Without, only damage to the structure of a file, or numbers that cannot be, are
# found.

catalog.write(home / "catalog.ecsv")
text = (home / "catalog.ecsv").read_bytes()
QTable(list(catalog.itercols())).write(home / "plain.fits")
formats = {
    "FITS of astropy": ("damaged.fits", (home / "plain.fits").read_bytes()),
    "FITS of dustest": ("damaged.fits", content),
    "ECSV": ("damaged.ecsv", text),
    "ECSV in gzip": ("damaged.ecsv.gz", gzip.compress(text, mtime=0)),
}
outcomes = ("error", "warning", "same values", "other values, unnoticed")
names = [name for name in catalog.colnames if name != "id"]
rng = np.random.default_rng(240320)


def outcome_of(path):
    """What a reader says of a damaged copy of the catalogue."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = read_catalog(path)
        except DustestError:
            return "error"
    if caught:
        return "warning"
    is_same = set(names) <= set(found.colnames) and all(
        np.array_equal(found[name], catalog[name], equal_nan=True) for name in names
    )
    return outcomes[2 if is_same else 3]


figure, axes = plt.subplots(figsize=(7.0, 3.0), layout="constrained")
left = np.zeros(len(formats))
counts = {name: [] for name in formats}
for name, (file, whole) in formats.items():
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[rng.integers(len(damaged))] ^= int(rng.integers(1, 256))
        (home / file).write_bytes(damaged)
        counts[name].append(outcome_of(home / file))
for outcome, color in zip(outcomes, ("C0", "C1", "0.8", "C3"), strict=True):
    numbers = [found.count(outcome) for found in counts.values()]
    axes.barh(list(formats), numbers, left=left, color=color, label=outcome)
    left += numbers
    print(f"{outcome}: {dict(zip(formats, numbers, strict=True))}")
axes.invert_yaxis()
axes.set_xlabel("copies of the catalogue with one changed byte")
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)
plt.show()
folder.cleanup()
