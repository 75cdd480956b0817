"""
Dust from the lines of hydrogen
===============================

Emission lines of a prism spectrum, measured by :func:`~dustest.physics.fit_lines`, and the
attenuation that the ratios of the lines of hydrogen give.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.table import Table

from dustest import BalmerEstimator
from dustest.io import Spectrum, add_lines
from dustest.physics import (
    HYDROGEN_LINES,
    SpectrumTable,
    a_lambda,
    fit_lines,
    line_ratio,
    load_ssp_grid,
)
from dustest.simulate import PrismSpectrograph

# %%
# A young galaxy at z = 5 with stars, ionised gas and 0.8 mag of dust in front of both, observed by
# the prism of NIRSpec:

redshift, a_v, law = 5.0, 0.8, "CCM89"
rng = np.random.default_rng(3)
table = SpectrumTable(load_ssp_grid(), (900.0, 9000.0), lyman_alpha=False)
light = table.spectrum(ages=[3e6, 5e7], metallicities=[0.2, 0.2], masses=[1e8, 1e9])
covered = table.wavelength > 1000.0
wavelength = table.wavelength[covered]
light = light[covered] * 10 ** (-0.4 * a_lambda(a_v, wavelength, law))
spectrograph = PrismSpectrograph(wavelength_range=(0.7, 5.3), depth=4e-22)
flux = spectrograph.observe(wavelength, light, redshift)
error = spectrograph.flux_error(flux)
unit = u.Unit("erg / (s cm2 AA)")
spectrum = Spectrum(spectrograph.wavelength * u.AA, rng.normal(flux, error) * unit, error * unit)

# %%
# The lines are Gaussians over a local continuum. H-alpha and [N II] are a blend at this
# resolution, and so are H-gamma and [O III] 4364; their errors include it.

lines = fit_lines(spectrum, redshift)
measured = lines[lines["flux"] > 3 * lines["flux_err"]]
for row in measured:
    significance = float(row["flux"] / row["flux_err"])
    print(f"{row['line']:9s} S/N {significance:5.1f}  EW {row['ew'].value:6.1f} Angstrom")

# %%
# :class:`~dustest.BalmerEstimator` compares all lines of hydrogen with their ratios in case B:

sample = add_lines(Table({"redshift": [redshift]}), [lines])
estimator = BalmerEstimator(nebular_law=law, absorption={"Hb": (2.0, 1.0), "Hg": (2.0, 1.0)})
result = estimator.estimate(sample)[0]
low, middle, high = (result[f"A_V_nebular{end}"].value for end in ("_p16", "", "_p84"))
print(f"A_V of the gas: {middle:.2f} (+{high - middle:.2f} -{middle - low:.2f}), truth {a_v}")

# %%
# The spectrum with the lines (of hydrogen in red), and the ratios to H-alpha beside those of gas
# with the attenuation that was found:

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6.5), layout="constrained")
micron = spectrum.wavelength.to_value(u.um)
top.step(micron, 1e20 * spectrum.flux.value, where="mid", color="0.4", linewidth=0.8)
for row in measured:
    centre, sigma = row["wavelength"].to_value(u.um), row["sigma"].to_value(u.um)
    x = np.linspace(centre - 4 * sigma, centre + 4 * sigma, 101)
    peak = row["flux"].value / (np.sqrt(2 * np.pi) * row["sigma"].value)
    y = row["continuum"].value + peak * np.exp(-0.5 * ((x - centre) / sigma) ** 2)
    top.plot(x, 1e20 * y, color="C3" if row["line"] in HYDROGEN_LINES else "C0", linewidth=1)
top.set(xlim=(2.0, 4.2), xlabel="wavelength [micron]", yscale="log", ylim=(0.1, None))
top.set_ylabel(r"$f_\lambda$ [$10^{-20}$ erg/s/cm$^2$/$\mathrm{\AA}$]")

names = ["Ha", "Hb", "Hg", "Hd"]
rows = {row["line"]: row for row in lines}
flux = np.array([rows[name]["flux"].value for name in names])
error = np.array([rows[name]["flux_err"].value for name in names])
intrinsic = np.array([line_ratio(name, "Ha") for name in names])
rest = np.array([rows[name]["wavelength"].value for name in names]) / (1 + redshift)
bottom.errorbar(rest, flux / flux[0] / intrinsic, error / flux[0] / intrinsic, fmt="ko")
x = np.linspace(4000.0, 6700.0, 200)
for value, style in ((middle, "-"), (low, ":"), (high, ":")):
    dimming = a_lambda(value, x, law) - a_lambda(value, rest[0], law)
    bottom.plot(x, 10 ** (-0.4 * dimming), style, color="C3")
for name, place in zip(names, rest, strict=True):
    bottom.annotate(name, (place, 1.05), ha="center")
bottom.set(xlabel=r"rest-frame wavelength [$\mathrm{\AA}$]", ylim=(0.2, 1.2))
bottom.set_ylabel(r"flux over H$\alpha$, relative to case B")
