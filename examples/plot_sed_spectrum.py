"""
Dust from photometry and a spectrum
===================================

A prism spectrum has the break, the slope and the Balmer lines of a galaxy. This example fits
simulated photometry with and without the spectrum, which has lost light at the slit, and compares
the spectrum with that of the posterior.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from dustest import BagpipesEstimator
from dustest.data import decode_flags, get_band
from dustest.simulate import GalaxySimulator

simulator = GalaxySimulator(["F277W"], redshift=6.0, population="0.1-heavy", views=["xy"], size=8)
sample, truth = simulator.draw(200, random_state=4)
level = np.nanmedian(sample["spectrum_flux"] / sample["spectrum_flux_err"], axis=1)
dusty = np.flatnonzero(truth["A_V"].value > 0.4)
row = int(dusty[np.argmax(level[dusty])])
galaxy, true_a_v = sample[[row]], truth["A_V"][row]
galaxy["spectrum_flux"] *= 0.75
galaxy["spectrum_flux_err"] *= 0.75
print(f"true A_V {true_a_v:.2f}, median signal-to-noise ratio of the pixels {level[row]:.1f}")

# %%
# The slit loss and a calibration polynomial of second order are integrated over, and so is a
# factor of the errors, as the models are not those of the simulator:

both = BagpipesEstimator(
    preset="Fu",
    slit_loss=0.3,
    flux_calibration=(0.1, 0.1),
    noise_scale=(0.5, 5.0),
    extra=("spectrum",),
    random_state=1,
)
photometry = galaxy[[name for name in galaxy.colnames if not name.startswith("spectrum")]]
results = {
    "photometry": both.estimate(photometry, draws=500),
    "photometry and spectrum": both.estimate(galaxy, draws=500),
}
for name, table in results.items():
    low, middle, high = (table[f"A_V{end}"][0].value for end in ("_p16", "", "_p84"))
    print(f"{name:24s} A_V = {middle:.2f} ({low:.2f} to {high:.2f})")
draws = results["photometry and spectrum"]["spectrum:calibration_0_draws"][0]
print(f"slit loss: {np.mean(draws):+.2f} +- {np.std(draws):.2f}")

# %%
# The data, and A_V from both. The spectrum narrows A_V, but both are below the truth: the history
# and the dust law of the fit differ from those of the galaxy.

wavelength = galaxy["spectrum_wavelength"][0].to(u.micron)
density = u.spectral_density(galaxy["spectrum_wavelength"][0])
flux = galaxy["spectrum_flux"][0].to(u.nJy, density)
figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained", width_ratios=(2, 1))
axes[0].plot(wavelength, flux, color="0.6", linewidth=0.7, label="at the slit")
for band in photometry.bands:
    value, error = (galaxy[f"{name}_{band}"][0].value for name in ("flux", "flux_err"))
    axes[0].errorbar(get_band(band).pivot / 1e4, value, error, fmt="o", color="C3", markersize=4)
top = np.nanpercentile(flux.value, 99)
axes[0].set(xlabel="observed wavelength [micron]", ylabel="flux density [nJy]")
axes[0].set_ylim(0.0, 1.6 * top)
axes[0].legend(loc="upper right")
for name, table in results.items():
    a_v = table["A_V_draws"][0].value
    axes[1].hist(a_v, bins=30, density=True, histtype="step", label=name)
axes[1].axvline(true_a_v.value, color="0.3", linestyle="--", label="truth")
axes[1].set(xlabel=r"$A_V$ [mag]", ylabel="density")
axes[1].margins(y=0.35)
axes[1].legend(fontsize="small", loc="upper left")

# %%
# Without these parameters the fit has the flag ``POOR_FIT``. ``extra=("spectrum",)`` keeps the
# mean spectrum of the posterior in the pixels of the sample, with its calibration:

plain = BagpipesEstimator(preset="Fu", extra=("spectrum",), random_state=1)
results["both, as they are"] = plain.estimate(galaxy, draws=500)
for name, table in results.items():
    print(f"{name:24s} {decode_flags(table['flags'][0])}")

# %%
# The residuals of the plain fit are larger than the errors, most at the Balmer break and at lines,
# where the models differ from the galaxy: a factor of the errors accounts for that. Pixels up to
# 1280 Angstrom in the rest frame are not fitted.

used = wavelength.to_value(u.AA) > 1280.0 * (1.0 + galaxy["redshift"][0])
error = galaxy["spectrum_flux_err"][0].to(u.nJy, density)
figure, axes = plt.subplots(
    3, 1, figsize=(8.0, 5.6), layout="constrained", sharex=True, height_ratios=(3, 1, 1)
)
axes[0].step(wavelength, flux, color="0.4", linewidth=0.8, where="mid", label="data")
for ax, name, color in zip(axes[1:], list(results)[1:], ("C0", "C1"), strict=True):
    model, spread = (
        results[name][f"predicted_spectrum{end}"][0].to(u.nJy, density) for end in ("", "_err")
    )
    label = "free calibration and noise" if color == "C0" else "neither is free"
    axes[0].plot(wavelength, model, color=color, linewidth=0.9, label=label)
    axes[0].fill_between(
        wavelength.value, (model - spread).value, (model + spread).value, color=color, alpha=0.3
    )
    scale = 1.0
    if "spectrum:noise_scale_draws" in results[name].colnames:
        scale = np.mean(results[name]["spectrum:noise_scale_draws"][0])
    pull = ((flux - model) / (scale * error)).value
    print(f"{label}: errors times {scale:.2f}, residuals {np.std(pull[used]):.2f} of these")
    ax.plot(wavelength[used], pull[used], color=color, linewidth=0.6)
    ax.axhline(0.0, color="0.3", linewidth=0.5)
    ax.set(ylabel="residual / error", ylim=(-6.0, 6.0))
axes[0].set(ylabel="flux density [nJy]", ylim=(-0.1 * top, 1.4 * top))
axes[0].legend()
axes[2].set_xlabel("observed wavelength [micron]")
