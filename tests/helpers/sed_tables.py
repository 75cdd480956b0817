"""Tables of SEDs beside what Bagpipes itself gives for the same models, from another process."""

import json
import pickle
import subprocess
import sys

SCRIPT = """
import json, pickle, sys
import numpy as np
from dustest.data.errors import InputError
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.tabulated.emission import BandLight
from dustest.estimators._sed.bagpipes.dust_curve import BAGPIPES_CURVES, BagpipesCurve
from dustest.estimators._sed.tabulated.photometry_table import SEDTable
from dustest.physics import get_dust_law


def reference(case):
    flux, weights, living = [], [], []
    galaxy = None
    for model in case["models"]:
        with quiet():
            if galaxy is None:
                curves = [filter_lines(band) for band in case["bands"]]
                galaxy = load_bagpipes().model_galaxy(model, filt_list=curves, phot_units="mujy")
            galaxy.update(model)
        if "wavelength" in case:
            flux.append(seen_at(np.array(case["wavelength"]), galaxy))
        else:
            flux.append(1e3 * galaxy.photometry)
        weights.append(sum(galaxy.sfh.component_weights.values()))
        living.append(10.0 ** (galaxy.sfh.stellar_mass - galaxy.sfh.formed_mass))
    return map(np.array, (flux, weights, living))


def seen_at(wavelength, galaxy):
    stretched = galaxy.wavelengths * (1.0 + galaxy.model_comp["redshift"])
    flux = np.interp(wavelength, stretched, galaxy.spectrum_full)
    return 1e32 * flux * wavelength**2 / 2.9979e18  # the speed of light of Bagpipes


def with_law(arguments):
    kind = arguments["law"]
    law = BagpipesCurve(kind) if kind in BAGPIPES_CURVES else get_dust_law(kind)
    return {**arguments, "law": law}


def message(arguments):
    try:
        SEDTable(**with_law(arguments))
    except InputError as error:
        return str(error)


task = json.load(sys.stdin)
lights, pairs = {}, {}
for name, case in task["cases"].items():
    bands, t_bc = tuple(case["bands"]), case["table"].get("t_bc", 0.01)
    light = lights.setdefault((bands, t_bc), BandLight(bands, t_bc))
    wavelength = np.array(case["wavelength"]) if "wavelength" in case else None
    table = SEDTable(
        case["redshift"], bands, **with_law(case["table"]), light=light, wavelength=wavelength
    )
    pairs[name] = (table, *reference(case))
alone = SEDTable(case["redshift"], bands, **with_law(case["table"]))
refused = [message(arguments) for arguments in task["refused"]]
refused.append(message({"redshift": 7.0, "bands": bands[:1], "law": "SMC",
                        "light": light}))
with open("tables.pickle", "wb") as file:
    pickle.dump((pairs, alone, refused), file)
"""


def tables_and_references(cases, refused, folder):
    """Tables with the fluxes, weights and living shares of Bagpipes by case; messages; output.

    A case with wavelengths is compared in flux densities there, in nJy. The last case is also
    built without shared spectra, and the last message is that of spectra of other bands.
    """
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps({"cases": cases, "refused": refused}),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    pairs, alone, messages = pickle.loads((folder / "tables.pickle").read_bytes())
    return pairs, alone, messages, run.stdout + run.stderr
