"""Estimators that require kinds which no built-in estimator requires."""

import numpy as np
import pytest
from astropy.table import QTable
from toy_kinds import DecrementEstimator, PolarisationEstimator

from dustest.data import DustestWarning, InputError
from dustest.testing import check_estimator, make_check_sample


def galaxies(n=12):
    """Galaxies with polarisation and nothing else."""
    rng = np.random.default_rng(3)
    columns = {"id": np.arange(n), "polarisation": rng.uniform(0.0, 0.05, n)}
    return QTable(columns | {"polarisation_err": np.full(n, 0.004)})


@pytest.mark.parametrize("estimator", [PolarisationEstimator(), DecrementEstimator()], ids=repr)
def test_they_keep_the_contract(estimator):
    check_estimator(estimator)


class TestPolarisation:
    def test_resumes_with_two_workers(self, tmp_path):
        sample, estimator = galaxies(), PolarisationEstimator(random_state=4)
        output = tmp_path / "result.ecsv"
        expected = estimator.estimate(sample)
        estimator.estimate(sample[:5], output=output, n_jobs=2)
        output.unlink()
        sample["polarisation"][0] = 0.09
        resumed = estimator.estimate(sample, output=output, resume=True, n_jobs=2)
        np.testing.assert_array_equal(resumed["A_V"][1:], expected["A_V"][1:])
        assert resumed["A_V"][0] != expected["A_V"][0]

    def test_rows_without_are_flagged(self):
        sample = galaxies()
        sample["polarisation_err"][2] = 0.0
        table = PolarisationEstimator().estimate(sample)
        assert np.isnan(table["A_V"]).nonzero()[0].tolist() == [2]
        assert table.flag_names[2] == ("NO_DATA",)

    def test_samples_without_are_refused(self):
        sample, _ = make_check_sample()
        with pytest.raises(InputError, match="needs polarisation columns in the sample"):
            PolarisationEstimator().estimate(sample)


class TestDecrement:
    def test_follows_the_lines(self):
        sample, truth = make_check_sample(["line"])
        np.testing.assert_allclose(DecrementEstimator().predict(sample), truth["A_V"].value)

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("lines", "did you mean 'line'"), ("polarization", "did you mean 'polarisation'")],
    )
    def test_unknown_kinds_are_errors(self, name, hint):
        class Wrong(DecrementEstimator):
            requires = (name, "redshift")

        sample, _ = make_check_sample(["line"])
        for call in (Wrong().estimate, check_estimator):
            with pytest.raises((InputError, AssertionError), match=hint):
                call(sample if call is not check_estimator else Wrong())


class TestLimits:
    def sample(self):
        """Galaxies of which one has an upper limit in place of a flux."""
        sample, _ = make_check_sample(["line"])
        unit = sample["line_Hb"].unit
        sample["line_limit_Hb"] = np.array([np.nan, 1e-18, np.nan, np.nan]) * unit
        sample["line_limit_Hb"].info.meta = {"sigma": 3}
        return sample

    def test_that_are_not_used_warn_once(self):
        sample = self.sample()
        assert np.isfinite(DecrementEstimator().predict(sample)).all()
        sample["line_Hb"][1] = np.nan
        with pytest.warns(DustestWarning, match="does not use upper limits") as caught:
            table = DecrementEstimator().estimate(sample)
        assert len(caught) == 1
        assert "line_limit_Hb" in str(caught[0].message)
        assert np.isnan(table["A_V"]).nonzero()[0].tolist() == [1]

    def test_that_are_used_do_not(self):
        class Censored(DecrementEstimator):
            uses_limits = True

        sample = self.sample()
        sample["line_Hb"][1] = np.nan
        Censored().estimate(sample)
