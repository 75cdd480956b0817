"""The search for narrow posteriors of spectra."""

from fresh_process import call
from packages import skip_without
from sed_fits import fits_of_a_burst


def test_bursts_are_found_among_longer_histories(tmp_path):
    skip_without("bagpipes")
    found = call(fits_of_a_burst, [1, 2, 3], cwd=tmp_path)
    for one in found["fits"]:
        low, high = one["a_v"]
        assert low < found["a_v"] < high
        assert high - low < 0.3
        assert one["probability"] > 1e-3
        assert one["ess"] > 400.0
