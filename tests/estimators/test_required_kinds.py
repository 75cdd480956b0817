"""Estimators that require kinds which no built-in estimator requires."""

from functools import partial

import numpy as np
import pytest
from astropy.table import QTable
from toy_backends import Linear
from toy_kinds import DecrementEstimator, PolarisationEstimator

from dustest import (
    BagpipesEstimator,
    BalmerEstimator,
    CalibratedEstimator,
    CNNEstimator,
    FusionEstimator,
    MeurerEstimator,
)
from dustest.data import DustestWarning, InputError
from dustest.data.kinds import find_column
from dustest.estimators.run import runner
from dustest.estimators.run.summary import Summary
from dustest.testing import check_estimator, make_check_sample

_FUSION = "nircam-3band+photometry"


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


class Confined(Linear):
    """Declares that it uses nothing besides what it requires."""

    optional = ()

    def _estimate(self, batch):
        assert not batch.cutout_bands
        assert not batch.lines
        return super()._estimate(batch)


class TestOptional:
    def samples(self):
        """Fluxes and redshifts, alone, and with images, lines and spectra."""
        rich, _ = make_check_sample(["line"])
        rich["magnification"] = np.full(len(rich), 2.0)
        kept = [name for name in rich.colnames if name.startswith(("id", "flux"))]
        return rich[kept], rich

    def test_data_that_are_not_used_do_not_change_a_row(self):
        bare, rich = self.samples()
        for estimator in (Confined(random_state=1), MeurerEstimator(method="photometry")):
            plain = bare if isinstance(estimator, Confined) else rich[[*bare.colnames, "redshift"]]
            one, two = (estimator.estimate(sample) for sample in (plain, rich))
            assert one.colnames == two.colnames
            for name in one.colnames:
                np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_array_equal(one["A_V"], estimator.estimate(rich)["A_V"])

    def test_without_a_declaration_all_data_count(self):
        bare, rich = self.samples()
        one, two = (Linear(random_state=1).estimate(sample) for sample in (bare, rich))
        assert np.all(one["A_V"] != two["A_V"])
        # The declaration changes nothing for samples that have no other data.
        confined = Confined(random_state=1).estimate(bare)
        np.testing.assert_array_equal(one["A_V"], confined["A_V"])

    @pytest.mark.parametrize(
        ("estimator", "n"), [(Confined(random_state=1), 0), (Linear(random_state=1), 4)], ids=repr
    )
    def test_a_run_resumes_with_other_columns(self, tmp_path, monkeypatch, estimator, n):
        bare, rich = self.samples()
        estimator.estimate(bare, output=tmp_path / "a.fits")
        computed, real = [], runner._outcomes
        monkeypatch.setattr(
            runner, "_outcomes", lambda *task: computed.extend(task[1]) or real(*task)
        )
        estimator.estimate(rich, output=tmp_path / "a.fits", resume=True)
        assert len(computed) == n

    @pytest.mark.parametrize(
        ("make", "unused"),
        [
            (BalmerEstimator, ("flux", "cutout", "pixel_scale", "spectrum")),
            (MeurerEstimator, ("line", "cutout", "pixel_scale")),
            (BagpipesEstimator, ("cutout", "pixel_scale", "redshift_density")),
            (partial(BagpipesEstimator, redshift="free"), ("cutout", "pixel_scale")),
            (partial(CNNEstimator.from_pretrained, "nircam-1band"), ("flux", "spectrum", "line")),
            (partial(FusionEstimator.from_pretrained, _FUSION), ("spectrum", "line")),
        ],
        ids=["lines", "slopes", "fits", "fits with free redshifts", "networks", "fusion"],
    )
    def test_unused_columns_change_neither_seeds_nor_keys(self, make, unused):
        rich = self.samples()[1]
        rich["redshift_err"] = np.full(len(rich), 0.1)
        rich["redshift_grid"] = np.tile(np.linspace(1.0, 9.0, 30), (len(rich), 1))
        rich["redshift_density"] = np.ones((len(rich), 30))
        rich["features"] = np.zeros((len(rich), 2))
        kinds = {name: getattr(find_column(name), "kind", None) for name in rich.colnames}
        left = {"features", *unused}
        few = rich[[name for name, one in kinds.items() if one is None or one.name not in left]]
        assert len(few.colnames) < len(rich.colnames) - len(unused)
        estimator, found = make(), []
        for sample in (few, rich):
            ready = estimator._ready(sample)
            batch = estimator._batch(ready, slice(None))
            fingerprint = runner._fingerprint(estimator, ready, Summary((0.5,)), 250102)
            found.append((batch.row_keys(fingerprint), batch.seeded(250102).seed.tolist()))
        assert found[0] == found[1]
        rich["redshift"] += 0.1
        changed = estimator._batch(estimator._ready(rich), slice(None))
        assert not set(changed.row_keys(fingerprint)) & set(found[0][0])

    def test_of_a_calibrated_method_are_those_of_the_method(self):
        inner = BagpipesEstimator(redshift="free")
        assert CalibratedEstimator(inner).usable_kinds == inner.usable_kinds

    def test_a_kind_that_is_used(self, tmp_path, monkeypatch):
        class Lined(Linear):
            optional = ("line",)

            def _estimate(self, batch):
                assert batch.lines
                return super()._estimate(batch)

        rich = self.samples()[1]
        one = Lined(random_state=1).estimate(rich)
        rich["line_Ha"] *= 2.0
        assert np.all(one["A_V"] != Lined(random_state=1).estimate(rich)["A_V"])

    def test_unknown_kinds_are_errors(self):
        class Wrong(Linear):
            optional = ("lines",)

        with pytest.raises(InputError, match="did you mean 'line'"):
            Wrong().estimate(self.samples()[0])
        with pytest.raises(InputError, match="optional"):
            check_estimator(Wrong())


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
