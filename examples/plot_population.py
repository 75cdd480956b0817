"""
Galaxies drawn from scaling relations
=====================================

`~dustest.simulate.GalaxyPopulation` draws galaxies of star and gas particles from scaling
relations of the first billion years. No cosmological simulation is needed. This example draws 300
galaxies at redshift 7 and compares them with the relations.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest.simulate.galaxies.histories import surviving_fraction
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.galaxies.scaling_relations import MassFunction

# %%
# A tilt of the mass function draws more massive galaxies than are observed.

redshift, n = 7.0, 300
population = GalaxyPopulation(log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.8))
rng = np.random.default_rng(1)
galaxies = [population.draw(redshift, rng) for _ in range(n)]

# %%
# All quantities are measured on the particles: the surviving stellar mass, the mass formed in the
# last 100 and 10 Myr, and the radius that contains half of the projected mass.


def log_rate(stars, duration):
    return np.log10(stars.mass[stars.age < duration].sum() / duration)


def log_size(stars):
    radius = np.hypot(*stars.position.T[:2])
    order = np.argsort(radius)
    below = np.cumsum(stars.mass[order])
    return np.log10(np.interp(0.5 * below[-1], below, radius[order]))


stars = [galaxy.stars for galaxy in galaxies]
log_mass = np.array([np.log10(s.mass @ surviving_fraction(s.age)) for s in stars])
long_rate = np.array([log_rate(s, 1e8) for s in stars])
short_rate = np.array([log_rate(s, 1e7) for s in stars])
size = np.array([log_size(s) for s in stars])

# %%
# Because of bursts, the rates over 10 Myr scatter more than those over 100 Myr. Sizes are those of
# the image: galaxies seen edge-on are below the relation, which is for discs seen face-on, and
# mergers are far above.

grid = np.linspace(*population.log_mass, 200)
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), dpi=150, layout="constrained")

density = population.mass_function.density(grid, redshift)
axes[0].hist(log_mass, bins=15, range=population.log_mass, color="0.75", label="drawn")
axes[0].plot(grid, density * n * 0.2 / np.trapezoid(density, grid), color="C3", label="relation")
axes[0].set(ylabel="galaxies per 0.2 dex", title="tilted mass function")
axes[0].legend()

axes[1].scatter(log_mass, short_rate, s=6, color="0.75", label="over 10 Myr")
axes[1].scatter(log_mass, long_rate, s=6, color="C0", label="over 100 Myr")
axes[2].scatter(log_mass, size, s=6, color="C0")
relations = (population.main_sequence, population.size_mass)
for ax, relation in zip(axes[1:], relations, strict=True):
    median = relation.median(grid, redshift)
    ax.plot(grid, median, color="C3")
    ax.fill_between(
        grid, median - relation.scatter, median + relation.scatter, color="C3", alpha=0.2, lw=0
    )
axes[1].set(ylabel=r"log SFR [$M_\odot$ yr$^{-1}$]", title="main sequence")
axes[1].legend()
axes[2].set(ylabel="log half-mass radius [kpc]", title="size and mass")
for ax in axes:
    ax.set_xlabel(r"log stellar mass [$M_\odot$]")

# %%
# Four of them, in their random orientation: old stars in red, stars of less than 30 Myr in blue,
# and the dense gas that contains the dust in grey.

figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.9), dpi=150, layout="constrained")
for ax, galaxy in zip(axes, galaxies, strict=False):
    young = galaxy.stars.age < 3e7
    dense = galaxy.gas.position[galaxy.gas.dusty]
    ax.scatter(*dense.T[:2], s=1, color="0.8")
    ax.scatter(*galaxy.stars.position[~young].T[:2], s=1, color="C3", alpha=0.4, lw=0)
    ax.scatter(*galaxy.stars.position[young].T[:2], s=1, color="C0", lw=0)
    mass = np.log10(galaxy.stars.mass @ surviving_fraction(galaxy.stars.age))
    ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3), title=f"log M = {mass:.1f}")
    ax.set_xlabel("x [kpc]")
axes[0].set_ylabel("y [kpc]")
