"""What is part of the identity of a stored row, and what is not."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from sklearn.base import clone
from toy_backends import Linear, MarkingOnRequest

from dustest import BagpipesEstimator, BalmerEstimator, CalibratedEstimator, MeurerEstimator
from dustest.data import Band, Kind, KindColumn, register_band, register_kind
from dustest.data.identity import source
from dustest.data.registry import temporary_records
from dustest.estimators import base
from dustest.physics import PowerLaw, register_dust_law


def galaxies(**columns):
    table = QTable({"flux_F277W": [1.0, 2.0] * u.nJy, "flux_err_F277W": [1.0, 1.0] * u.nJy})
    for name, values in columns.items():
        table[name] = values
    return table


def multiply(factor, sample, name):
    return factor * sample[name]


class TestRows:
    """Rows that are computed again when a run is resumed."""

    @pytest.fixture
    def n_again(self, tmp_path):
        """Number of rows that a run computes which resumes another."""
        output = tmp_path / "o.ecsv"
        first = MarkingOnRequest(str(tmp_path / "marks"), random_state=230206)
        first.estimate(galaxies(), output=output)

        def resume(sample=None, before=None, **params):
            estimator = clone(first).set_params(**params)
            estimator.forget()
            sample = galaxies() if sample is None else sample
            with nullcontext() if before is None else pytest.warns(match=f" had .*{before} inst"):
                found = estimator.estimate(sample, output=output, resume=True)
            expected = clone(estimator).set_params(marks=str(tmp_path / "other")).estimate(sample)
            assert found.colnames == expected.colnames
            for name in found.colnames:
                np.testing.assert_array_equal(found[name], expected[name])
            return len(estimator.computed())

        return resume

    def test_none_by_itself(self, n_again):
        assert n_again() == 0

    @pytest.mark.parametrize(
        "params", [{"timeout": 5.0}, {"targets": "E_BV"}, {"targets": ("E_BV", "A_V")}]
    )
    def test_none_for_what_changes_no_result(self, n_again, params):
        assert n_again(**params) == 0

    @pytest.mark.parametrize(
        ("params", "before", "after"),
        [
            ({"width": 0.2}, "params.width 0.1", "params.width 0.2"),
            ({"random_state": 1}, "random_seed 230206", "random_seed 1"),
            ({"targets": "beta"}, r"wanted \[.*\]", r'wanted .*"beta"\]'),
            ({"extra": ("beta",)}, r"params.extra \[\]", r'params.extra \["beta"\]'),
        ],
    )
    def test_all_for_what_changes_it(self, n_again, params, before, after):
        assert n_again(**params, before=before) == 2
        assert n_again(before=after) == 0

    @pytest.mark.parametrize("name", ["ra", "group", "mine"])
    def test_none_for_columns_without_use(self, n_again, name):
        assert n_again(galaxies(**{name: [3.0, 4.0]})) == 0

    def test_one_for_other_data(self, n_again):
        assert n_again(galaxies(flux_F277W=[1.0, 2.5] * u.nJy)) == 1

    @pytest.mark.parametrize("name", ["dustest", "astro-sedpy", "dust_extinction", "numpy"])
    def test_all_for_another_version(self, n_again, name, monkeypatch):
        found = base.installed_version
        monkeypatch.setattr(
            base, "installed_version", lambda one: found(one) + ".1" * (one == name)
        )
        assert n_again(before=".*") == 2

    def test_all_for_other_code(self, n_again, monkeypatch):
        monkeypatch.setattr(base, "source_digest", lambda: "edited")
        assert n_again(before="source .*") == 2

    def test_all_for_other_columns(self, tmp_path):
        options = {"output": tmp_path / "o.fits", "resume": True}
        estimator = Linear(random_state=250101)
        estimator.estimate(galaxies(), **options)
        for repeated in (False, True):
            with nullcontext() if repeated else pytest.warns(match="had draws 0 instead of 3"):
                found = estimator.estimate(galaxies(), draws=3, **options)
            assert found["A_V_draws"].shape == (2, 3)


class TestRecords:
    """Registered records that a row depends on by their name."""

    def test_bands_of_the_sample_only(self):
        found = set()
        for start in (13_000.0, 13_800.0):
            with temporary_records():
                wavelength = start + np.array([0.0, 200.0, 1400.0, 1600.0])
                register_band(Band("Blue", "Own/Camera.Blue", wavelength, [0.0, 1.0, 1.0, 0.0]))
                meurer = MeurerEstimator()
                found |= {
                    ("used", meurer._fingerprint(1, ["Blue"])),
                    ("not", meurer._fingerprint(1)),
                }
        assert sorted(name for name, _ in found) == ["not", "used", "used"]

    @pytest.mark.parametrize(
        "estimator",
        [
            MeurerEstimator(dust_law="mine"),
            BalmerEstimator(nebular_law="mine"),
            BagpipesEstimator(nebular_law="mine"),
            BagpipesEstimator(dust_law=("Calzetti", "Mine")),
            CalibratedEstimator(MeurerEstimator(dust_law="mine")),
        ],
        ids=lambda one: type(one).__name__,
    )
    def test_laws_of_parameters(self, estimator):
        found = set()
        for slope in (0.7, 1.3):
            with temporary_records():
                register_dust_law(PowerLaw(slope), name="mine")
                found |= {estimator._fingerprint(1), MeurerEstimator()._fingerprint(1)}
        assert len(found) == 3

    def test_kinds_of_the_sample(self):
        found = set()
        for factor in (1.0, 2.0):
            with temporary_records():
                function = partial(multiply, factor)
                column = KindColumn("toy", "", bare=function)
                register_kind(Kind("toy", "a toy", (column,)))
                found |= {Linear()._fingerprint(1, ["toy"]), Linear()._fingerprint(1, ["flux"])}
        assert len(found) == 3


class TestInner:
    def test_limits_of_a_calibrated_method(self):
        found = {
            CalibratedEstimator(BagpipesEstimator(**params))._fingerprint(1)
            for params in ({}, {"timeout": 1.0}, {"memory_limit": "3 GB"}, {"n_live": 100})
        }
        assert len(found) == 2

    def test_packages_of_a_calibrated_method(self):
        method = BagpipesEstimator()
        assert CalibratedEstimator(method).packages == method.packages


def test_the_digest_follows_every_module(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_FOLDER", tmp_path)
    (tmp_path / "a").mkdir()
    digest, found = source.source_digest.__wrapped__, set()
    for name, text in (("b.py", "1"), ("b.py", "2"), ("a/c.py", "2"), ("a/c.txt", "2")):
        (tmp_path / name).write_text(text)
        found.add(digest())
    assert len(found) == 3
