"""The search for narrow posteriors of spectra."""

from types import SimpleNamespace

from packages import skip_without
from sed_fits import fits_of_a_burst
from warm_process import call

from dustest.estimators._sed.tabulated.annealing import annealed


def test_bursts_are_found_among_longer_histories(tmp_path):
    skip_without("bagpipes")
    found = call(fits_of_a_burst, [1, 2, 3], cwd=tmp_path)
    for one in found["fits"]:
        low, high = one["a_v"]
        assert low < found["a_v"] < high
        assert high - low < 0.3
        assert one["probability"] > 1e-3
        assert one["ess"] > 400.0


def test_many_parameters_need_more_models():
    class Known:
        """A chain that is known under the full likelihood, and keeps what was asked for."""

        log_importance, place = None, (0.0,)

        def __init__(self, n_axes):
            self.pool = SimpleNamespace(axes=range(n_axes))

        def annealed(self, log_weight, least):
            self.least = least
            return log_weight, 1.0

    few, many = Known(5), Known(9)
    for chain in (few, many):
        assert annealed(chain, None, None) is chain
    assert many.least == 4.0 * few.least
