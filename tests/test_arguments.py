"""What holds for arguments of all parts."""

import numpy as np
import pytest
from astropy import units as u

from dustest import ConstantEstimator, MeurerEstimator, cite, compare, get_estimator
from dustest.data import InputError, get_band
from dustest.io import load_demo, read_catalog, read_images, read_spectrum
from dustest.validation import compute_metrics


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("beta0_scatter", lambda v: MeurerEstimator(beta0_scatter=v).estimate(load_demo()[0][:1])),
        ("random_state", lambda v: compute_metrics([1, 2, 3], [1, 2, 4], random_state=v)),
        ("n_bootstrap", lambda v: compute_metrics([1, 2, 3], [1, 2, 4], n_bootstrap=v)),
        ("level", lambda v: get_band("F200W").edges(v)),
        ("limits", lambda v: compare({"m": MeurerEstimator()}, load_demo()[0], limits={"m": v})),
    ],
)
def test_a_truth_value_is_no_number(name, call, value):
    with pytest.raises(InputError, match=f"{name}.* must be"):
        call(value)


LONG = "a" * 999
SAMPLE = load_demo()[0][:2]
CONSTANT = ConstantEstimator().fit(SAMPLE, [0.1, 0.2])


@pytest.mark.parametrize(
    "call",
    [
        lambda: get_estimator(np.zeros(2)),
        lambda: get_estimator({1}),
        lambda: MeurerEstimator(reference=np.zeros(0)).estimate(SAMPLE),
        lambda: MeurerEstimator(method=np.array(["auto", "x"])).estimate(SAMPLE),
        lambda: CONSTANT.predict(SAMPLE, return_std=np.zeros(2)),
        lambda: CONSTANT.predict(SAMPLE, return_std=1 * u.m),
        lambda: ConstantEstimator().fit(SAMPLE, [[1], [1, 2]]),
        lambda: compare({"c": CONSTANT}, SAMPLE, reference=np.zeros(2)),
        lambda: read_catalog(SAMPLE, columns=5 * u.ABmag),
        lambda: read_catalog(LONG),
        lambda: read_images({"F277W": None}, bands=True),
        lambda: read_images({"F277W": None}, bands=[1]),
        lambda: read_spectrum(LONG),
        lambda: cite(LONG),
        lambda: cite(1.0),
        lambda: CONSTANT.estimate(SAMPLE, output=f"{LONG}.ecsv"),
    ],
)
def test_values_of_any_type_give_an_own_error(call):
    """Calls that random arguments found (tools/fuzz.py)."""
    with pytest.raises(InputError, match=r"must (be|map|have)"):
        call()
