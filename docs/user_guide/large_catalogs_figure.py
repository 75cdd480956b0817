"""Peak memory against the number of rows, from ``large_catalogs.csv``."""

import matplotlib.pyplot as plt
from astropy.table import Table

LABELS = {"parquet": "Parquet", "fits": "FITS"}


def memory():
    """Peak memory of a run of `MeurerEstimator` on a catalogue that is read in parts."""
    table = Table.read("large_catalogs.csv")
    figure, ax = plt.subplots(figsize=(5.0, 3.2), dpi=120, layout="constrained")
    for number, (kind, label) in enumerate(LABELS.items()):
        rows = table[table["format"] == kind]
        ax.plot(rows["rows"], rows["peak_mb"], f"C{number}o-", label=label)
    ax.set(xscale="log", xlabel="galaxies", ylabel="peak memory (MB)", ylim=(0.0, 400.0))
    ax.legend()
    return figure
