"""Figure of the light of an AGN beside its host, by rest wavelength."""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.modeling.physical_models import BlackBody

from dustest.physics import attenuation_ratio


def light():
    """Disc behind three amounts of dust, and black bodies of two temperatures."""
    wavelength = np.geomspace(1200.0, 10_000.0, 300)
    reddening = attenuation_ratio(wavelength, "SMC") - attenuation_ratio([5100.0], "SMC")

    _, ax = plt.subplots(figsize=(6.0, 3.4), dpi=150, layout="constrained")
    for a_v, style in ((0.0, "-"), (0.3, "--"), (1.0, ":")):
        disc = (wavelength / 5100.0) ** -1.7 * 10.0 ** (-0.4 * a_v * reddening)
        label = f"disc, $s$ = -1.7, $A_V$ = {a_v:g} mag"
        ax.plot(1e-4 * wavelength, disc, style, color="#0072B2", label=label)
    scale = 1.0 * u.erg / (u.s * u.cm**2 * u.AA * u.sr)
    for temperature, style in ((5000.0, "-"), (3500.0, "--")):
        planck = BlackBody(temperature * u.K, scale=scale)
        body = planck(wavelength * u.AA) / planck(5100.0 * u.AA)
        label = f"black body, {temperature:g} K"
        ax.plot(1e-4 * wavelength, body, style, color="#D55E00", label=label)
    ax.set(xscale="log", yscale="log", ylim=(0.03, 20.0), xlim=(0.12, 1.0))
    ax.set_xticks([0.15, 0.3, 0.51, 1.0], ["0.15", "0.3", "0.51", "1"])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="rest wavelength [micron]", ylabel=r"$f_\lambda / f_{5100}$")
    ax.legend(frameon=False, fontsize=8)
