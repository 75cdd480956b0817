"""What must hold in a package with all changes of docs/dev/changes; run as a program.

With the argument ``fit`` SEDs are fitted, too.
"""

import sys
from importlib.util import find_spec

import numpy as np
from astropy.table import Table

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data import QUANTITIES, canonical_name
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.io import load_demo, read_catalog
from dustest.physics import get_dust_law, get_relation


def check():
    """Use each record that the changes add, but those of fits."""
    galaxies = load_demo()[0][:2]

    assert get_relation("Overzier11").b == 1.81
    law = get_dust_law("Kriek", delta=-0.1)
    assert np.isclose(law.a_over_av(5500.0), 1.0, atol=0.02)
    assert np.isfinite(MeurerEstimator("Overzier11", dust_law="Kriek").predict(galaxies)).all()
    assert canonical_name("roman-wfi-f146") == "F146"
    sample = read_catalog(Table({"id": [1], "F277W_nJy": [3.0], "F277W_nJy_error": [0.1]}))
    assert sample.bands == ("F277W",)
    assert CNNConfig(kind="gaussian", components=0).kind == "gaussian"
    assert QUANTITIES["log_L_Ha"].luminosity_power == 1.0


def check_fits():
    """Use the records of fits together."""
    galaxies = load_demo()[0][:2]
    if find_spec("bagpipes"):
        sed = BagpipesEstimator("rising", dust_law="Kriek", extra=("log_L_Ha",), random_state=1)
        table = sed.estimate(galaxies)
        assert np.isfinite(table["A_V"].value).all()
        assert np.all((table["log_L_Ha"] > 6.0) & (table["log_L_Ha"] < 12.0))


if __name__ == "__main__":
    check()
    if sys.argv[1:] == ["fit"]:
        check_fits()
