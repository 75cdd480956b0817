"""Measure how far harmless changes of real stamps move the attenuation of networks.

Run with ``python benchmarks/bench_robust.py --data ../shared/data``, or with more networks,
``--networks old=FILE new=FILE``. The stamps of two galaxies of the JADES Origins Field and of four
of CEERS are rotated and flipped (7 ways), shifted by 2 pixels along and across (8) and given a
background of one standard deviation of a pixel, of either sign, in all bands and in each (8). The
table has the share of pairs of stamp and change whose A_V moves by less than a quarter of the 68 %
interval, the 90th percentile of the shifts in units of the interval, and the flags that the four
galaxies of CEERS, at redshifts 0.4 to 2.3, get: they are not what the networks were trained on.
"""

import argparse
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.stats import mad_std
from astropy.table import QTable, vstack
from astropy.wcs import WCS
from networks import load_network

from dustest.data import decode_flags
from dustest.io import add_cutouts

BANDS = ("F277W", "F356W", "F444W")
JOF = {"jof_478_zphot5.84": 5.84, "jof_36_zphot4.13": 4.13}
CEERS = {"ceers_10735": 2.298, "ceers_13374": 1.112, "ceers_40": 0.638, "ceers_6414": 0.355}
SIZE, STEP, BORDER = 32, 2, 4
SHARE = 0.25
SEED = 170550


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=["nircam-3band", "nircam-1band"])
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        # Headers of the stamps: a change of dates, and rotations that were lost.
        warnings.simplefilter("ignore")
        samples = {name: read_jof(options.data, name) for name in JOF}
        samples |= {name: read_ceers(options.data, name) for name in CEERS}
    networks = dict(load_network(text, SEED) for text in options.networks)
    rows = [row for name, cnn in networks.items() for row in judge(name, cnn, samples)]
    QTable(rows=rows).pprint_all()


def read_jof(data, name):
    """A sample of one galaxy with stamps that leave room for shifts."""
    path = data / "cutouts" / f"{name}.fits"
    with fits.open(path) as hdus:
        ny, nx = hdus["F277W_SCI"].data.shape
        sky = WCS(hdus["F277W_SCI"].header).pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
    galaxy = QTable({"ra": [sky.ra], "dec": [sky.dec], "redshift": [JOF[name]]})
    return add_cutouts(galaxy, dict.fromkeys(BANDS, path), size=SIZE + 2 * STEP)


def read_ceers(data, name):
    """The same of CEERS, with errors and masks."""
    table = QTable.read(data / "cutouts" / "ceers_table.csv")
    row = table[table["id_"] == int(name.removeprefix("ceers_"))][0]
    galaxy = QTable({"ra": [row["ra"]] * u.deg, "dec": [row["dec"]] * u.deg})
    galaxy["redshift"] = [CEERS[name]]
    folder = data / "cutouts" / name
    parts = {"sci": "", "err": "_err", "mask": "_mask"}
    images = {
        band: {key: folder / f"{band.lower()}{end}.fits" for key, end in parts.items()}
        for band in BANDS
    }
    return add_cutouts(galaxy, images, size=SIZE + 2 * STEP, unit=u.MJy / u.sr)


def judge(name, cnn, samples):
    """Rows of one model: both fields, and each of them."""
    shifts, flags = {}, {}
    for galaxy, sample in samples.items():
        table = cnn.estimate(sample_of_changes(sample))
        width = (table["A_V_p84"] - table["A_V_p16"])[0]
        shifts[galaxy] = np.abs((table["A_V"][1:] - table["A_V"][0]) / width).value
        flags[galaxy] = set(decode_flags(table["flags"])[0])
    fields = {"JOF": list(JOF), "CEERS": list(CEERS), "all": list(samples)}
    flagged = {
        field: "; ".join(sorted(set.union(*(flags[g] for g in names))))
        for field, names in fields.items()
    }
    return [
        {"network": name, "stamps": field, **numbers(np.concatenate([shifts[g] for g in names]))}
        | {"flagged": sum(bool(flags[g]) for g in names), "flags": flagged[field]}
        for field, names in fields.items()
    ]


def numbers(shifts):
    """Number of pairs, share that moves little, and 90th percentile."""
    return {
        "pairs": len(shifts),
        "share": round(float(np.mean(shifts < SHARE)), 3),
        "p90": round(float(np.percentile(shifts, 90)), 2),
    }


def sample_of_changes(sample):
    """Rows of the galaxy as it is, and of every change."""
    changes = [unchanged, *orientations(), *offsets(), *backgrounds(sample)]
    rows = []
    for i, change in enumerate(changes):
        row = sample.copy()
        row["id"] = [f"change-{i}"]
        for column in [name for name in sample.colnames if is_stamp(sample, name)]:
            row[column] = change(sample[column], column)
        rows.append(row)
    return vstack(rows, metadata_conflicts="silent")


def is_stamp(sample, name):
    """Whether a column has stamps."""
    return name.startswith("cutout_") and np.ndim(sample[name]) == 3


def centre(stamps):
    """The central pixels of stamps."""
    return stamps[:, STEP:-STEP, STEP:-STEP]


def unchanged(stamps, _):
    """The stamps as they are."""
    return centre(stamps)


def orientations():
    """All rotations by right angles and their mirror images but the identity."""

    def turned(quarters, mirrored):
        def change(stamps, _):
            turn = np.rot90(centre(stamps), quarters, axes=(1, 2))
            return turn[:, :, ::-1] if mirrored else turn

        return change

    return [turned(*pair) for pair in product(range(4), (False, True))][1:]


def offsets():
    """Shifts by two pixels along either axis, and both."""

    def moved(dy, dx):
        def change(stamps, _):
            y, x = STEP + dy, STEP + dx
            return stamps[:, y : y + SIZE, x : x + SIZE]

        return change

    steps = (-STEP, 0, STEP)
    return [moved(*pair) for pair in product(steps, steps) if pair != (0, 0)]


def backgrounds(sample):
    """One standard deviation more or less in all bands and in each."""

    def lifted(sign, bands):
        def change(stamps, name):
            band = name.removeprefix("cutout_")
            if band not in bands:
                return centre(stamps)
            return centre(stamps) + sign * sky_rms(sample[name])

        return change

    sets = [BANDS, *((band,) for band in BANDS)]
    return [lifted(*pair) for pair in product((-1.0, 1.0), sets)]


def sky_rms(stamps):
    """Standard deviation of a pixel in the border."""
    inner = np.zeros(stamps.shape[1:], dtype=bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    return mad_std(stamps[0][~inner], ignore_nan=True)


if __name__ == "__main__":
    main()
