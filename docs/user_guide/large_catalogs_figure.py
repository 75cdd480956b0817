"""Memory and processor time of long runs, from ``large_catalogs.csv``."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

METHODS = {
    "meurer": "slope",
    "network": "network, one band",
    "sed-Fu": 'fit, preset "Fu"',
    "sed": "fit, default preset",
    "simulate": "simulation",
}


def runs():
    """Complete runs, by method."""
    table = Table.read("large_catalogs.csv")
    for number, (method, label) in enumerate(METHODS.items()):
        rows = table[(table["method"] == method) & (table["done"] > 0)]
        yield f"C{number}", label, rows


def memory():
    """Peak memory of the largest process of a run."""
    figure, ax = plt.subplots(figsize=(5.0, 3.2), dpi=120, layout="constrained")
    for colour, label, rows in runs():
        peak = np.maximum(rows["parent_mb"], rows["worker_mb"])
        ax.plot(rows["done"], peak, f"{colour}o-", label=label)
    ax.set(xscale="log", xlabel="galaxies", ylabel="peak memory of a process (MB)", ylim=(0, None))
    ax.legend(fontsize="small")
    return figure


def cost():
    """Processor time of a galaxy, of all processes."""
    figure, ax = plt.subplots(figsize=(5.0, 3.2), dpi=120, layout="constrained")
    for colour, label, rows in runs():
        seconds = rows["cpu_seconds"] / (rows["done"] - rows["kept"])
        ax.plot(rows["done"], 1e3 * seconds, f"{colour}o-", label=label)
    ax.set(xscale="log", yscale="log", xlabel="galaxies", ylabel="processor time of a galaxy (ms)")
    ax.legend(fontsize="small")
    return figure
