"""Photometry of Bagpipes, from a process of its own."""

import json
import subprocess
import sys

import numpy as np
from astropy.cosmology import FlatLambdaCDM

from dustest.data.bands import get_band

BAGPIPES_COSMOLOGY = FlatLambdaCDM(H0=70.0, Om0=0.3)

# At its usual resolution of 100, the photometry of Bagpipes changes by up to 2 per cent (10 where
# the Lyman break cuts through a band) when a line or the break falls elsewhere within a pixel.
RESOLUTION = 1000
SCRIPT = """
import json, sys
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
task = json.load(sys.stdin)
pipes = load_bagpipes()
pipes.config.R_phot = task["resolution"]
none = {"age_max": 0.1, "age_min": 0.0, "age": 0.1, "tau": 0.1, "massformed": -50.0}
galaxy, photometry = None, []
for model in task["models"]:
    model = {key: {**none, "metallicity": 1.0} for key in ("constant", "delayed")} | model
    if galaxy is None:
        galaxy = pipes.model_galaxy(model, filt_list=task["curves"], phot_units="mujy")
    galaxy.update(model)
    photometry.append((1e3 * galaxy.photometry).tolist())
json.dump(photometry, sys.stdout)
"""


def model_photometry(models, bands, folder):
    """Fluxes in nJy of models with constant or delayed histories, (n_models, n_bands)."""
    for band in map(get_band, bands):
        np.savetxt(folder / band.name, np.stack([band.wavelength, band.transmission], axis=1))
    curves = [str(folder / band) for band in bands]
    task = {"resolution": RESOLUTION, "models": models, "curves": curves}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(task),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return np.array(json.loads(run.stdout))
