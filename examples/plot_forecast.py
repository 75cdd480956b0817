"""
Which filters to ask for
========================

A forecast draws galaxies from the prior of SED fits, adds the noise of images of given depths, and
fits them with several sets of bands. This example adds one band at a time to six wide bands of
NIRCam, for galaxies at redshift 7.
"""

import matplotlib.pyplot as plt
from astropy import units as u

from dustest import BagpipesEstimator
from dustest.studies import forecast

wide = ["F115W", "F150W", "F200W", "F277W", "F356W", "F444W"]
depths = dict.fromkeys(wide, 29.5)  # 5-sigma AB magnitudes
depths |= {"F335M": 29.2, "F410M": 29.2, "F560W": 6 * u.nJy, "F770W": 6 * u.nJy}
flat = {"dust:Av": (0.0, 3.0), "dust:Av_prior": "uniform"}
result = forecast(
    wide,
    depths,
    7.0,
    candidates=["F335M", "F410M", "F560W", "F770W"],
    magnitude=(26.0, 28.5),
    magnitude_band="F277W",
    estimator=BagpipesEstimator(priors=flat),
    n_mocks=128,
    random_state=1,
)

# %%
# The gains are those over the first set, for the same galaxies with the same noise:

for name in ("A_V", "log_sSFR"):
    print(name)
    print(*result.gains(name).pformat(max_width=-1), sep="\n")

# %%
# The medians and the spread of the errors (half the 68 % interval), and the mean information:

_, axes = plt.subplots(1, 2, figsize=(7.5, 2.6), dpi=150, layout="constrained", sharey=True)
result.plot("A_V", axes=axes)

# %%
# The same by magnitude:

_, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), dpi=150, layout="constrained")
result.plot("A_V", by="magnitude", n_cells=3, axes=axes)
