"""Rate at which dusty galaxies are simulated, beside a numpy prototype and synthesizer.

All contestants get the same galaxies of particles, in the same views and with the same share of
metals in dust, and work on one thread. They take turns in rounds, since other work on the machine
slows them all down; times are those of the processor, not of the clock. At the end the light on
the stamps of dustest and of the prototype is compared, which shows that both did their work.

The prototype is what one writes in an afternoon: dust columns by a cumulative sum on a 64^3 grid,
one extinction for each band, light of the nearest node of a table, histograms, white noise. With
``+ PSF, noise`` it also convolves with the point-spread functions and makes correlated noise.
`synthesizer <https://pypi.org/project/cosmos-synthesizer>`_ takes part where it is installed, with
its optical depths and three smoothed images alone.

Run ``python benchmarks/bench_simulator.py``; it takes some minutes. Memory is read from
``/proc``, on Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15
from scipy.signal import fftconvolve
from threadpoolctl import threadpool_limits

from dustest.data import get_band
from dustest.physics import LightTable, get_dust_law, load_ssp_grid
from dustest.simulate import (
    VIEWS,
    CorrelatedNoise,
    GalaxyPopulation,
    GalaxySimulator,
    get_survey,
    make_psf,
    noise_preset,
    view,
)
from dustest.simulate.emission.dust import V_OPACITY

BANDS = ("F277W", "F356W", "F444W")
REDSHIFT, DUST_TO_METAL, SIZE = 7.0, 0.3, 32
SURVEY = get_survey("JADES-deep")
ARCSEC_PER_KPC = Planck15.arcsec_per_kpc_proper(REDSHIFT).to_value(u.arcsec / u.kpc)
PIXEL = SURVEY.pixel_scale / ARCSEC_PER_KPC
"""Side of a pixel in kpc."""
TAU_PER_COLUMN = V_OPACITY * (u.Msun / u.kpc**2).to(u.g / u.cm**2)
AGREEMENT = 0.05
IMAGES_ONLY = {"photometry_bands": [], "spectrograph": None}


class Recorder:
    """The default population, which keeps what it drew."""

    def __init__(self):
        self.population, self.drawn = GalaxyPopulation(), []

    def draw(self, redshift, random_state=None, group=""):
        """Draw a galaxy and keep it."""
        self.drawn.append(self.population.draw(redshift, random_state, group))
        return self.drawn[-1]


class Prototype:
    """A particle simulator in plain numpy, for one redshift.

    Parameters
    ----------
    complete : bool
        Whether there are point-spread functions and correlated noise.
    """

    cells = 64
    field = SIZE + 2 * 34
    """Pixels: light is scattered into the stamp from as far as in dustest."""

    def __init__(self, complete):
        self.complete = complete
        self.age, self.metallicity = np.linspace(5.0, 8.9, 200), np.geomspace(5e-3, 2.5, 50)
        grid = np.meshgrid(10**self.age, self.metallicity)
        table = LightTable(load_ssp_grid(), BANDS, REDSHIFT, log_u=-2.0)
        nodes = [axis.ravel() for axis in grid]
        self.light = np.hstack([table.flux(*nodes), table.v_and_b(*nodes)])
        centres = [get_band(band).pivot / (1.0 + REDSHIFT) for band in BANDS]
        self.ratio = get_dust_law("SMC").a_over_av(np.array([*centres, 5500.0, 4400.0]))
        self.psfs = [make_psf(band, pixel_scale=SURVEY.pixel_scale, size=101) for band in BANDS]
        noises = [noise_preset("JADES-deep", band) for band in BANDS]
        self.rms = np.array([noise.rms for noise in noises])
        lags = np.abs(np.fft.fftfreq(2 * SIZE, 1.0 / (2 * SIZE)))
        power = [np.fft.fft2(noise.correlation(lags[:, None], lags)).real for noise in noises]
        self.amplitude = np.sqrt(np.maximum(power, 0.0))

    def draw(self, galaxy, rng):
        """Noisy stamps, A_V and E(B-V) of a galaxy that is turned already."""
        images, *attenuation = self.seen(galaxy)
        return images + self.noise(rng), *attenuation

    def seen(self, galaxy):
        """Stamps without noise, A_V and E(B-V)."""
        stars = galaxy.stars
        a_v = 2.5 / np.log(10.0) * self.optical_depth(stars, galaxy.gas)
        bare = self.light[self.nodes(stars)] * stars.mass[:, None]
        seen = bare * 10.0 ** (-0.4 * a_v[:, None] * self.ratio)
        A_V, A_B = -2.5 * np.log10(seen.sum(axis=0) / bare.sum(axis=0))[-2:]
        return self.images(stars, seen[:, : len(BANDS)]), A_V, A_B - A_V

    def optical_depth(self, stars, gas):
        """Dust in front of the stars, with gas and stars in the nearest cells."""
        low, high = gas.position.min(axis=0), gas.position.max(axis=0)
        cell = (high - low) / self.cells * (1.0 + 1e-9)
        x, y, z = ((gas.position - low) / cell).astype(int).T
        dust = np.where(gas.dusty, DUST_TO_METAL * gas.metallicity * gas.mass, 0.0)
        flat = (x * self.cells + y) * self.cells + z
        grid = np.bincount(flat, dust, self.cells**3).reshape((self.cells,) * 3)
        in_front = np.cumsum(grid[:, :, ::-1], axis=2)[:, :, ::-1] - 0.5 * grid
        place = np.clip(((stars.position - low) / cell).astype(int), 0, self.cells - 1)
        return TAU_PER_COLUMN * in_front[tuple(place.T)] / (cell[0] * cell[1])

    def nodes(self, stars):
        """Nearest nodes of the table."""
        age = np.rint((np.log10(np.maximum(stars.age, 1e5)) - 5.0) / (3.9 / 199)).astype(int)
        metallicity = np.searchsorted(self.metallicity, stars.metallicity / 0.02)
        return np.minimum(metallicity, 49) * 200 + np.minimum(age, 199)

    def images(self, stars, flux):
        """Stamps about the centre of light, by histograms."""
        place = stars.position[:, :2]
        place = place - flux[:, -1] @ place / flux[:, -1].sum()
        x, y = np.floor(place / PIXEL + 0.5 * self.field).astype(int).T
        on = (x >= 0) & (x < self.field) & (y >= 0) & (y < self.field)
        pixel = y[on] * self.field + x[on]
        images = [np.bincount(pixel, light, self.field**2) for light in flux[on].T]
        images = np.reshape(images, (len(BANDS), self.field, self.field))
        if self.complete:
            pairs = zip(images, self.psfs, strict=True)
            images = np.stack([fftconvolve(image, psf.image, "same") for image, psf in pairs])
        start = (self.field - SIZE) // 2
        return images[:, start : start + SIZE, start : start + SIZE]

    def noise(self, rng):
        """White noise, or with the correlations of the survey."""
        if not self.complete:
            return self.rms[:, None, None] * rng.standard_normal((len(BANDS), SIZE, SIZE))
        white = np.fft.fft2(rng.standard_normal(self.amplitude.shape))
        noise = np.fft.ifft2(white * self.amplitude).real[:, :SIZE, :SIZE]
        return self.rms[:, None, None] * noise


class Synthesizer:
    """Optical depths and smoothed images by the kernels of synthesizer.

    Parameters
    ----------
    views : sequence of ParticleGalaxy
        Turned galaxies.
    """

    def __init__(self, views):
        from synthesizer.kernel_functions import Kernel
        from unyt import kpc

        self.kernel, self.kpc = Kernel(name="cubic"), kpc
        self.opacity = V_OPACITY * (u.Msun / u.pc**2).to(u.g / u.cm**2)
        table = LightTable(load_ssp_grid(), BANDS, REDSHIFT, log_u=-2.0)
        self.galaxies = [self.galaxy(galaxy) for galaxy in views]
        self.light = [
            table.flux(g.stars.age, g.stars.metallicity / 0.02) * g.stars.mass[:, None]
            for g in views
        ]

    def galaxy(self, galaxy):
        """The galaxy in the terms of synthesizer, with no gas but the dusty."""
        from synthesizer.particle import Galaxy, Gas, Stars
        from unyt import Msun, yr

        stars, gas, dusty = galaxy.stars, galaxy.gas, galaxy.gas.dusty
        common = {"redshift": REDSHIFT, "centre": np.zeros(3) * self.kpc}
        return Galaxy(
            redshift=REDSHIFT,
            stars=Stars(
                stars.mass * Msun,
                stars.age * yr,
                stars.metallicity.copy(),
                coordinates=stars.position * self.kpc,
                smoothing_lengths=stars.smoothing * self.kpc,
                **common,
            ),
            gas=Gas(
                gas.mass[dusty] * Msun,
                gas.metallicity[dusty],
                coordinates=gas.position[dusty] * self.kpc,
                smoothing_lengths=gas.smoothing[dusty] * self.kpc,
                dust_masses=(DUST_TO_METAL * gas.metallicity * gas.mass)[dusty] * Msun,
                **common,
            ),
        )

    def depths(self):
        """Optical depths in front of the stars of all galaxies."""
        return [
            galaxy.get_stellar_los_tau_v(self.opacity, self.kernel, nthreads=1)
            for galaxy in self.galaxies
        ]

    def images(self):
        """Images of all galaxies without dust."""
        from synthesizer.imaging import ImageCollection
        from unyt import nJy

        for galaxy, light in zip(self.galaxies, self.light, strict=True):
            images = ImageCollection(PIXEL * self.kpc, SIZE * PIXEL * self.kpc)
            images.generate_imgs_smoothed(
                SimpleNamespace(photometry=light.T * nJy, filter_codes=BANDS),
                coordinates=galaxy.stars.coordinates,
                smoothing_lengths=galaxy.stars.smoothing_lengths,
                kernel=self.kernel,
                nthreads=1,
            )


def simulator(**parameters):
    """A simulator of galaxies of one redshift and one share of metals in dust."""
    return GalaxySimulator(BANDS, "JADES-deep", REDSHIFT, DUST_TO_METAL, size=SIZE, **parameters)


def draw_galaxies(n_rows):
    """The galaxies of a draw with seed 1, and the views in which they stand in its rows."""
    recorder = Recorder()
    simulator(population=recorder, **IMAGES_ONLY).draw(n_rows, random_state=1)
    return recorder.drawn, [view(galaxy, name) for galaxy in recorder.drawn for name in VIEWS]


def contestants(galaxies, views, prototypes):
    """What each does with the same galaxies, by name."""
    images_only, complete, n_rows = simulator(**IMAGES_ONLY), simulator(), len(views)
    actions = {
        "dustest, whole draw, images only": lambda: images_only.draw(n_rows, 1),
        "dustest, galaxies given, images only": lambda: images_only.observe(galaxies, 1),
        "dustest, whole draw, with photometry and spectra": lambda: complete.draw(n_rows, 1),
    }
    for prototype in prototypes:
        name = f"prototype{' + PSF, noise' * prototype.complete}, galaxies given"
        actions[name] = lambda prototype=prototype: run_prototype(prototype, views)
    if find_spec("synthesizer") is None:
        print("synthesizer is not installed: it does not take part\n")
        return actions
    other = Synthesizer(views)
    actions["synthesizer, optical depths alone"] = other.depths
    actions["synthesizer, images without dust alone"] = other.images
    return actions


def run_prototype(prototype, views):
    """Draw all views by a prototype."""
    rng = np.random.default_rng(1)
    return [prototype.draw(galaxy, rng) for galaxy in views]


def measure(actions, n_rows, rounds):
    """Processor seconds a row of every action in every round, after one that does not count."""
    seconds = {name: [] for name in actions}
    for i in range(rounds + 1):
        for name, action in actions.items():
            start = time.process_time()
            action()
            if i > 0:
                seconds[name].append((time.process_time() - start) / n_rows)
    return seconds


def print_rates(seconds):
    """Print a line for every contestant; the last column is in terms of the first."""
    names = list(seconds)
    first = np.median(seconds[names[0]])
    head = ("ms, median", "ms, best", "sets/s", "sets/s, best", "time ratio")
    print(f"{'':50s}" + "".join(f"{title:>14s}" for title in head))
    for name in names:
        median, best = np.median(seconds[name]), min(seconds[name])
        cells = (
            f"{1e3 * median:.2f}",
            f"{1e3 * best:.2f}",
            f"{1 / median:.0f}",
            f"{1 / best:.0f}",
        )
        cells = (*cells, f"{median / first:.2f}")
        print(f"{name:50s}" + "".join(f"{cell:>14s}" for cell in cells))


def check_light(galaxies, views, prototype):
    """Print how far stamps without noise agree in light, and end the run if they do not."""
    silent = {band: CorrelatedNoise(1e-9, (0.0,), SURVEY.pixel_scale) for band in BANDS}
    sample, truth = simulator(noise=silent, **IMAGES_ONLY).observe(galaxies, 1)
    ours = np.array([sample[f"cutout_{band}"].value.sum() for band in BANDS])
    seen = [prototype.seen(galaxy) for galaxy in views]
    theirs = sum(images for images, *_ in seen).sum(axis=(1, 2))
    difference = theirs / ours - 1.0
    shown = ", ".join(f"{b} {100 * d:+.1f} %" for b, d in zip(BANDS, difference, strict=True))
    print(f"\nlight on the stamps of the prototype against dustest: {shown}")
    A_V = np.mean([A_V for _, A_V, _ in seen])
    print(f"mean A_V: prototype {A_V:.3f}, dustest {truth['A_V'].value.mean():.3f}")
    if np.any(np.abs(difference) > AGREEMENT):
        sys.exit(f"they differ by more than {AGREEMENT:.0%}: not the same work")


def stream(n_rows, n_jobs):
    """Simulate to disc; print seconds of clock and processors, and MB of this process and others.

    That workers start and make their tables counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        simulator(**IMAGES_ONLY).stream(n_rows, folder, 1, n_jobs=n_jobs)
        seconds = time.perf_counter() - start
    workers = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    processors = sum(map(processor_seconds, ["self", *workers]))
    print(seconds, processors, peak_memory("self"), sum(map(peak_memory, workers)))


def processor_seconds(process):
    """Processor seconds that a process took."""
    # The name of the process, in brackets, may hold blanks.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(process):
    """Largest resident memory that a process had, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024.0


def print_streams(runs):
    """Print rate and memory of streams, each in a fresh process."""
    for n_rows, n_jobs in runs:
        command = [sys.executable, __file__, "--stream", str(n_rows), str(n_jobs)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, processors, own, workers = map(float, output.split()[-4:])
        print(
            f"stream of {n_rows} rows, {n_jobs} process(es): {seconds:.0f} s by the clock, "
            f"{n_rows / seconds:.0f} rows/s; {processors:.0f} s of processors, "
            f"{n_rows / processors:.0f} rows/s; peak memory {own:.0f} MB, workers {workers:.0f} MB"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100, help="of each contestant and round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--long", type=int, default=5000, help="rows of the longest stream")
    parser.add_argument("--stream", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stream:
        stream(*arguments.stream)
        return
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; one thread, processor time\n")
    galaxies, views = draw_galaxies(arguments.rows)
    prototypes = [Prototype(complete=complete) for complete in (False, True)]
    with threadpool_limits(1):
        actions = contestants(galaxies, views, prototypes)
        seconds = measure(actions, len(views), arguments.rounds)
    print_rates(seconds)
    check_light(galaxies, views, prototypes[-1])
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print_streams([(1000, 1), (arguments.long, 1), (1000, 2)])


if __name__ == "__main__":
    main()
