"""Time that the optical depths in front of the stars of a galaxy take, by number of particles.

Run ``python benchmarks/bench_dust_column.py --particles 2500``.
"""

import argparse
import time

import numpy as np
from scipy.spatial import cKDTree

from dustest.simulate import GasParticles, ParticleGalaxy, StarParticles, optical_depth, view


def draw_galaxy(n, rng):
    """A Gaussian cloud of stars and gas, with kernels that reach to the 32nd neighbour."""
    position = rng.normal(size=(n, 3))
    smoothing = cKDTree(position).query(position, 32)[0][:, -1]
    gas = GasParticles(position, np.full(n, 1e9 / n), np.full(n, 0.004), smoothing)
    columns = [np.full(n, value) for value in (1e9 / n, 1e7, 0.004, 0.05)]
    return ParticleGalaxy(StarParticles(rng.normal(size=(n, 3)), *columns), gas, redshift=7.0)


def measure(action, repeats):
    """Median and best time of a call in ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return 1e3 * np.median(times), 1e3 * min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, default=2500, help="of stars, and of gas")
    parser.add_argument("--repeats", type=int, default=100)
    arguments = parser.parse_args()
    galaxy = draw_galaxy(arguments.particles, np.random.default_rng(1))
    for label, action in (
        ("optical depth at V", lambda: optical_depth(galaxy, 0.4)),
        ("turning to a view", lambda: view(galaxy, "octant")),
    ):
        median, best = measure(action, arguments.repeats)
        print(f"{label}: median {median:.2f} ms, best {best:.2f} ms")


if __name__ == "__main__":
    main()
