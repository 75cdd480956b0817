"""
Dust in front of every star
===========================

Gas between a star and the observer attenuates the star; gas behind it does not. The attenuation
and reddening of the whole galaxy follow from the spectra of all its stars with and without dust.
Its :math:`R_V` is therefore a result, not an input.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest.physics import get_dust_law
from dustest.simulate import (
    VIEWS,
    GasParticles,
    ParticleGalaxy,
    StarParticles,
    effective_dust,
    optical_depth,
    view,
)

# %%
# An exponential disc of stars at redshift 7, and a thinner one of gas.

rng = np.random.default_rng(1)


def draw_disc(n, height):
    radius = rng.gamma(2.0, 0.4, n)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    return np.column_stack([x, y, rng.laplace(0.0, height, n)])


n = 2500
stars = StarParticles(
    position=draw_disc(n, height=0.2),
    mass=np.full(n, 1e9 / n),
    age=rng.uniform(1e6, 3e8, n),
    metallicity=np.full(n, 0.004),
    smoothing=np.full(n, 0.05),
)
gas = GasParticles(
    position=draw_disc(n, height=0.1),
    mass=np.full(n, 2e9 / n),
    metallicity=np.full(n, 0.004),
    smoothing=np.full(n, 0.2),
)
galaxy = ParticleGalaxy(stars, gas, redshift=7.0)

# %%
# The galaxy from four directions, with the nearest stars drawn last. In every view they have the
# least dust in front of them. Edge-on, the dust is a lane.

figure, axes = plt.subplots(2, 2, figsize=(6.5, 6), layout="constrained", sharex=True, sharey=True)
for ax, name in zip(axes.flat, VIEWS, strict=True):
    seen = view(galaxy, name)
    tau_v = optical_depth(seen, dust_to_metal=0.4)
    dust = effective_dust(seen.stars.mass, tau_v, law="SMC")
    order = np.argsort(seen.stars.position[:, 2])
    x, y, _ = seen.stars.position[order].T
    points = ax.scatter(x, y, c=tau_v[order], s=4, cmap="magma_r", vmin=0.0, vmax=3.0)
    ax.set_title(f"{name}: $A_V$ = {dust.A_V:.2f}, $R_V$ = {dust.R_V:.1f}", fontsize="medium")
    ax.set(aspect="equal", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5))
figure.colorbar(points, ax=axes, label=r"$\tau_V$ in front of the star", extend="max")
figure.supxlabel("x [kpc]")
figure.supylabel("y [kpc]")

# %%
# With little dust, :math:`R_V` is that of the dust law. With a larger fraction of the metals in
# dust, the attenuation becomes greyer: stars behind much dust become faint in all bands, and the
# remaining light comes from the near side.

shares = np.geomspace(0.001, 1.0, 25)
figure, ax = plt.subplots(layout="constrained")
for name in ("xy", "octant", "xz"):
    seen = view(galaxy, name)
    ratios = [effective_dust(stars.mass, optical_depth(seen, share)).R_V for share in shares]
    ax.plot(shares, ratios, label=name)
blue, visual = get_dust_law("SMC").a_over_av(np.array([4400.0, 5500.0]))
ax.axhline(visual / (blue - visual), color="0.5", ls="--", label="SMC, the particles' own law")
ax.set(xlabel="dust-to-metal ratio", ylabel="effective $R_V$", xscale="log")
ax.legend()
