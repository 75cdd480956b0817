"""
Dust laws side by side
======================

The :math:`A_V` of a reddened slope depends on the ratio of ultraviolet to V-band attenuation of
the dust law: for the same colour, a steep law needs less dust than a grey one.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest.physics import attenuation_ratio, get_dust_law

# %%
# Laws are given by name, or as any model of ``dust_extinction``.

names = ["Calzetti", "SMC", "LMC", "MW", "CF00"]
wavelength = np.geomspace(1100, 9000, 400)

figure, ax = plt.subplots()
for name in names:
    law = get_dust_law(name)
    label = f"{name} ($R_V$ = {law.r_v:.2f})"
    ax.plot(wavelength, attenuation_ratio(wavelength, law), label=label)
ax.set(xlabel=r"rest-frame wavelength [$\mathrm{\AA}$]", ylabel=r"$A_\lambda / A_V$", xscale="log")
ax.legend()

# %%
# The same ultraviolet attenuation of one magnitude at 1600 Å therefore means

for name in names:
    print(f"{name:8s}  A_V = {1 / attenuation_ratio(1600.0, name):.2f} mag")
