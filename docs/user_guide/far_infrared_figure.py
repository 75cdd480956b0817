"""Figure of the far-infrared spectrum of dust over the luminosity that it absorbs."""

import matplotlib.pyplot as plt
import numpy as np

from dustest.data import get_band
from dustest.physics import dust_spectrum


def spectra():
    """Dust of three temperatures, with and without the CMB."""
    redshift, wavelength = 7.0, np.geomspace(2e5, 6e6, 300)
    _, ax = plt.subplots(figsize=(6.0, 3.4), dpi=150, layout="constrained")
    for temperature, color in ((35.0, "#0072B2"), (45.0, "0.15"), (55.0, "#D55E00")):
        for cmb, style in ((True, "-"), (False, ":")):
            spectrum = dust_spectrum(wavelength, temperature, 1.8, redshift, cmb=cmb)
            label = f"{temperature:g} K" if cmb else None
            ax.plot(1e-4 * wavelength, 1e13 * spectrum, style, color=color, label=label)
    for name in ("ALMA_B6", "ALMA_B7", "ALMA_B8", "ALMA_B9"):
        rest = 1e-4 * get_band(name).pivot / (1.0 + redshift)
        ax.axvline(rest, color="0.7", linewidth=0.8, zorder=0)
        ax.text(rest, 5.2, name[-1], ha="center", fontsize=8, color="0.4")
    ax.set(xscale="log", yscale="log", ylim=(0.05, 5.0), xlim=(20.0, 600.0))
    ax.set_xticks([30.0, 100.0, 300.0], ["30", "100", "300"])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="rest wavelength [micron]", ylabel=r"$L_\nu / L$ [$10^{-13}$ Hz$^{-1}$]")
    ax.legend(frameon=False, title="dotted: without the CMB", fontsize=8, title_fontsize=8)
