"""Make the simulated galaxies that dustest ships for its demo: stamps, photometry and truth.

Run with ``python tools/make_demo_galaxies.py``; it writes ``dustest/resources/demo_*``. The
galaxies are those of the population "0.2" as the JADES-deep preset sees them, at redshifts 6 to 9,
one view of each: the first 200 with S/N of at least 10 in the F444W stamp.
"""

from pathlib import Path

import numpy as np

from dustest.simulate import GalaxySimulator, noise_preset

SEED = 20261129
N_GALAXIES = 200
N_DRAWN = 9600
POPULATION, PRESET = "0.2", "JADES-deep"
BANDS = ("F277W", "F356W", "F444W")
MIN_SNR = 10.0
STEPS = 16
"""Steps of the stamps' values within the rms of their noise: files of rounded values are small."""
TRUTH = ("id", "A_V", "E_BV", "R_V", "log_sSFR", "log_mass")
LEFT_OUT = ("group", "flags", "spectrum_wavelength", "spectrum_flux", "spectrum_flux_err")
RESOURCES = Path(__file__).parents[1] / "dustest" / "resources"


def choose(sample):
    """Rows of the first bright view of each galaxy."""
    _, first = np.unique(np.asarray(sample["group"]), return_index=True)
    bright = np.asarray(sample["snr_F444W"]) >= MIN_SNR
    return np.sort(first[bright[first]])[:N_GALAXIES]


def round_values(sample):
    """Round stamps to a fraction of their noise, and fluxes to a fraction of their errors."""
    for band in BANDS:
        step = noise_preset(PRESET, band).rms / STEPS
        stamps = sample[f"cutout_{band}"]
        rounded = np.round(stamps.value / step) * step
        sample[f"cutout_{band}"] = rounded.astype(np.float32) << stamps.unit
    for band in sample.bands:
        for name in (f"flux_{band}", f"flux_err_{band}"):
            sample[name] = np.round(sample[name].value, 4) << sample[name].unit


def main():
    """Write the galaxies and their truth."""
    simulator = GalaxySimulator(
        list(BANDS), preset=PRESET, redshift=(6.0, 9.0), population=POPULATION
    )
    sample, truth = simulator.draw(N_DRAWN, random_state=SEED)
    rows = choose(sample)
    if len(rows) < N_GALAXIES:
        msg = f"only {len(rows)} of {N_DRAWN} views are bright enough: raise N_DRAWN"
        raise SystemExit(msg)
    sample, truth = sample[rows], truth[rows][list(TRUTH)]
    sample.remove_columns([name for name in sample.colnames if name in LEFT_OUT])
    round_values(sample)
    for table in (sample, truth):
        table["id"] = np.arange(1, N_GALAXIES + 1)
        table.meta["selection"] = f"views of S/N >= {MIN_SNR:g} in F444W, one of each galaxy"
    for name in truth.colnames[1:]:
        truth[name] = np.round(truth[name], 5)
    truth["E_BV"] = truth["A_V"] / truth["R_V"]
    sample.write(RESOURCES / "demo_galaxies.fits.gz", overwrite=True)
    truth.write(RESOURCES / "demo_truth.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
