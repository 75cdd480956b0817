from importlib.util import find_spec

import numpy as np
import pytest
from warm_process import call

from dustest import BagpipesEstimator
from dustest.data import QUANTITIES
from dustest.estimators._sed.columns.rest_frame import REST_FRAME

pytestmark = pytest.mark.skipif(not find_spec("bagpipes"), reason="bagpipes is not installed")

TOLERANCE = {"EW_Ha": 0.02, "EW_OIII_Hb": 0.02}
"""Relative for widths; those of the others are in dex or mag."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Values of dustest and of Bagpipes itself, for two dust laws and three models."""
    from rest_frame_models import values_of_both  # which needs sedpy

    return call(values_of_both, cwd=tmp_path_factory.mktemp("rest_frame"))


@pytest.mark.parametrize("law", ["Calzetti", "CF00"])
@pytest.mark.parametrize("name", REST_FRAME)
def test_is_that_of_spectra_of_bagpipes(models, law, name):
    expected = [model[name] for model in models["bagpipes"][law]]
    relative = TOLERANCE.get(name, 0.0)
    absolute = 0.0 if relative else 0.01
    np.testing.assert_allclose(models["dustest"][law][name], expected, relative, absolute)


def test_every_quantity_has_a_record():
    assert set(BagpipesEstimator.gives) <= set(QUANTITIES)
