"""What holds for arguments of all parts."""

import pytest

from dustest import MeurerEstimator, compare
from dustest.data import InputError, get_band
from dustest.io import load_demo
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
