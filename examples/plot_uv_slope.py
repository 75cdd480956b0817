"""
Accuracy of the ultraviolet slope from photometry
=================================================

Only two of the wide NIRCam bands are inside the rest-frame ultraviolet of a galaxy at z = 7. Mock
galaxies of known slope show the accuracy of a slope from these bands.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from dustest.physics import photometric_beta, select_uv_bands, synthetic_photometry

# %%
# A thousand power laws of slope -2 at z = 7.2, observed through all bands:

bands = ["F115W", "F150W", "F200W", "F277W", "F356W"]
redshift, beta, n = 7.2, -2.0, 1000
wavelength = np.geomspace(0.8, 5.0, 2000) * u.um
spectrum = (wavelength / u.um).value ** beta * u.Unit("erg s-1 cm-2 um-1")
flux = synthetic_photometry(wavelength, spectrum, bands).value
inside = select_uv_bands(bands, [redshift])[0]
print("inside the rest-frame ultraviolet:", ", ".join(np.array(bands)[inside]))

# %%
# Noise is the same in all bands, as a fraction of the flux in F150W. The slope stays unbiased, and
# its scatter agrees with the error of the fit:

rng = np.random.default_rng(1)
figure, ax = plt.subplots()
for snr in (5, 10, 20):
    error = np.full((n, len(bands)), flux[1] / snr)
    noisy = flux + error * rng.normal(size=error.shape)
    slopes = photometric_beta(noisy, error, bands, np.full(n, redshift))
    found = slopes.beta[slopes.ok]
    ax.hist(found, bins=np.linspace(-5, 1, 61), histtype="step", label=f"S/N = {snr}")
    print(
        f"S/N {snr:2d}: median {np.median(found):.2f}, scatter {np.std(found):.2f}, "
        f"error of the fit {np.median(slopes.statistical_err[slopes.ok]):.2f}"
    )
ax.axvline(beta, color="black", linewidth=1)
ax.set(xlabel=r"$\beta$", ylabel="galaxies")
ax.legend()
