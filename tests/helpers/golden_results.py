"""Results of fixed inputs and seeds, by name, to compare one version of dustest with another.

``python tests/helpers/golden_results.py FILE`` stores those of the installed version.
"""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest import BagpipesEstimator, CNNEstimator, ConstantEstimator, MeurerEstimator, compare
from dustest.data import RowTable
from dustest.estimators._cnn.files.pretrained import PRETRAINED
from dustest.io import read_catalog
from dustest.simulate import GalaxySimulator

BANDS = ("F277W", "F356W", "F444W")
CATALOG = Path(__file__).parents[2] / "benchmarks" / "data" / "demo-0.1.ecsv"
TRUTH = CATALOG.with_name("demo-0.1-truth.ecsv")
MEURER = (
    {},
    {"relation": "Reddy15", "reference": "A_1600"},
    {"relation": "McLure18-SMC", "dust_law": "SMC"},
    {"relation": "Takeuchi12", "dust_law": "CF00"},
)
SED = (
    {},
    {"sfh": "delayed", "dust_law": "Salim", "sfr_timescale": 10 * u.Myr},
    {"sfh": "continuity", "dust_law": "CF00"},
    {"sfh": "double_delayed", "dust_law": "SMC"},
    {"sfh": "constant", "dust_law": "CCM89"},
    {
        "sfh": "delayed_burst",
        "dust_law": "Calzetti",
        "priors": {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"},
    },
)


def stored_catalog():
    """The 200 Bagpipes models that were the demo of version 0.1, and their truth."""
    return read_catalog(CATALOG), RowTable.read(TRUTH)


def round_galaxies(n=12):
    """Stamps of round galaxies with noise, drawn without dustest."""
    rng = np.random.default_rng(5)
    offset = np.arange(32) - 15.5
    width = rng.uniform(1.0, 3.0, (n, 1, 1))
    profile = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / width**2)
    profile /= profile.sum(axis=(1, 2), keepdims=True)
    columns = {"id": np.arange(n), "redshift": rng.uniform(6.0, 9.0, n)}
    for band, flux in zip(BANDS, (40.0, 60.0, 80.0), strict=True):
        stamps = flux * rng.uniform(0.7, 1.4, (n, 1, 1)) * profile
        columns[f"cutout_{band}"] = (stamps + 0.05 * rng.standard_normal(stamps.shape)) * u.nJy
        columns[f"cutout_err_{band}"] = np.full(stamps.shape, 0.05) * u.nJy
    columns["pixel_scale"] = np.full(n, 0.03) * u.arcsec
    return QTable(columns)


def numbers(table):
    """Columns of numbers of a table, as lists of plain numbers; None for NaN."""
    found = {}
    for name in table.colnames:
        values = np.asarray(getattr(table[name], "value", table[name]))
        if values.dtype.kind in "iufb" and name != "id":
            values = values.astype(float)
            found[name] = np.where(np.isfinite(values), values, None).tolist()
    return found


def meurer_results():
    """Slopes of 25 galaxies by four relations."""
    sample = stored_catalog()[0][:25]
    return {
        json.dumps(settings): numbers(MeurerEstimator(preset="Fu", **settings).estimate(sample))
        for settings in MEURER
    }


def sed_results(chosen=SED):
    """Tabulated fits of three galaxies, by default by six histories and six laws."""
    sample = stored_catalog()[0][:3]
    return {
        f"{settings}": numbers(
            BagpipesEstimator(random_state=1, preset="Fu", **settings).estimate(sample)
        )
        for settings in chosen
    }


def network_results():
    """All shipped networks on round galaxies."""
    sample = round_galaxies()
    return {
        name: numbers(CNNEstimator.from_pretrained(name).estimate(sample)) for name in PRETRAINED
    }


def simulator_results():
    """Four simulated galaxies: sums of their images, their fluxes and their truth."""
    simulator = GalaxySimulator(list(BANDS), preset="JADES-deep", population="0.1")
    sample, truth = simulator.draw(4, random_state=1)
    images = {
        name: np.nansum(sample[name].value, axis=(1, 2)).astype(float).tolist()
        for name in sample.colnames
        if name.startswith("cutout_F") and sample[name].ndim == 3
    }
    flat = sample[[name for name in sample.colnames if sample[name].ndim == 1]]
    return {"images": images, "sample": numbers(flat), "truth": numbers(truth)}


def comparison_results():
    """Metrics of two estimators against the truth."""
    sample, truth = stored_catalog()
    constant = ConstantEstimator().fit(sample, truth)
    meurer = MeurerEstimator(preset="Fu")
    result = compare({"constant": constant, "meurer": meurer}, sample, truth=truth, random_state=1)
    return {"metrics": numbers(result.metrics)}


def bagpipes_results():
    """Log-likelihoods of Bagpipes and what it derives, at ten random points of each prior."""
    from dustest.estimators._sed.bagpipes import nested_sampling
    from dustest.estimators._sed.posterior import Galaxy, Settings

    found, flux = {}, np.array([10.0, 12.0, 15.0])
    for number, parameters in enumerate(SED):
        sfh, law = parameters.get("sfh", "lognormal"), parameters.get("dust_law", "Calzetti")
        settings = Settings(sfh, law, resolution=None)
        galaxy = Galaxy(7.0 + 0.1 * number, np.nan, BANDS, flux, np.ones(3), None, 7)
        points = np.random.default_rng(number)
        with nested_sampling.quiet():
            instructions = nested_sampling._instructions(galaxy, settings)
            model = nested_sampling._fitted_model(galaxy, settings, instructions)
            found[f"{sfh}, {law}"] = [
                list(nested_sampling._evaluate(model, points.random(model.ndim), 1e8))
                for _ in range(10)
            ]
    return found


RESULTS = {
    "meurer": meurer_results,
    "sed": sed_results,
    "networks": network_results,
    "simulator": simulator_results,
    "comparison": comparison_results,
    "bagpipes": bagpipes_results,
}


def main():
    """Store the results of the installed version."""
    warnings.simplefilter("ignore")
    found = {name: make() for name, make in RESULTS.items()}
    text = json.dumps(found, indent=1)
    Path(sys.argv[1]).write_text(text + "\n", encoding="ascii")
    sys.stdout.write(hashlib.sha256(text.encode()).hexdigest()[:16] + "\n")


if __name__ == "__main__":
    main()
