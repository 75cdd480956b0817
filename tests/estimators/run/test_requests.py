import numpy as np
import pytest
from astropy import units as u
from toy_backends import Linear, Massive

from dustest import ConstantEstimator, MeurerEstimator, compare
from dustest.data import (
    QUANTITIES,
    Derivation,
    DustQuantity,
    DustTable,
    InputError,
    RowTable,
)
from dustest.data.quantities import core_quantities
from dustest.estimators.run.requests import offered, requested

CORE = core_quantities()


def photometry(redshift=7.2, **fluxes):
    """Galaxies with fluxes [nJy] and their errors by band."""
    sample = RowTable()
    for band, (flux, error) in fluxes.items():
        sample[f"flux_{band}"] = np.atleast_1d(flux) * u.nJy
        sample[f"flux_err_{band}"] = np.full(len(sample), error) * u.nJy
    sample["redshift"] = np.full(len(sample), redshift)
    return sample


FLUX = photometry(F200W=(np.linspace(10.0, 90.0, 12), 1.0))
BLUE = photometry(F150W=(60.0, 3.0), F200W=(65.0, 3.0))


@pytest.fixture
def with_derived(monkeypatch):
    """A quantity that follows from A_V and log_mass, for one test."""
    derivation = Derivation(("A_V", "log_mass"), np.add)
    record = DustQuantity("sum_of_both", None, "$s$", "A_V plus log_mass", derivation=derivation)
    monkeypatch.setitem(QUANTITIES._records, record.name, record)
    monkeypatch.setitem(QUANTITIES._by_key, record.name.casefold(), record.name)
    return record.name


class TestNames:
    def test_what_follows_is_offered(self, with_derived):
        assert offered(("A_V", "E_BV")) == ("A_V", "E_BV", "R_V")
        assert offered(("A_V", "log_mass")) == ("A_V", "log_mass", with_derived)
        assert offered(None) == tuple(QUANTITIES)

    def test_sources_come_with_what_follows_from_them(self, with_derived):
        assert requested((with_derived,), ("A_V", "log_mass")) == (*CORE, "log_mass", with_derived)
        assert requested((), None) == CORE
        assert requested((with_derived,), None) == (*CORE, with_derived)


class TestResults:
    def test_columns_are_those_of_every_result_and_those_asked_for(self):
        table = Massive(extra=("log_mass",)).estimate(FLUX)
        families = [(name, f"{name}_p16", f"{name}_p84") for name in (*CORE, "log_mass")]
        assert table.colnames == ["id", *(n for family in families for n in family), "flags"]
        assert (table["log_mass_p16"] < table["log_mass"]).all()

    def test_derived_ones_follow_draw_by_draw(self, with_derived):
        draws = Massive(extra=(with_derived,)).sample_posterior(FLUX, 20)
        np.testing.assert_array_equal(draws[with_derived], draws["A_V"] + draws["log_mass"])

    def test_targets_are_columns_and_predictions(self):
        backend = Massive(targets=("M_UV", "A_V"), random_state=3)
        table = backend.estimate(FLUX)
        np.testing.assert_array_equal(backend.predict(FLUX)[:, 0], table["M_UV"].value)

    def test_rows_without_an_answer_have_the_columns(self):
        unknown = photometry(F200W=(np.full(3, np.nan), 1.0))
        table = Massive(extra=("log_mass",)).estimate(unknown)
        assert np.isnan(table["log_mass_p84"]).all()

    def test_they_survive_a_file(self, tmp_path):
        table = Massive(extra=("log_mass", "M_UV")).estimate(FLUX)
        for ending in ("fits", "ecsv"):
            table.write(tmp_path / f"table.{ending}")
            found = DustTable.read(tmp_path / f"table.{ending}")
            np.testing.assert_array_equal(found["M_UV_p16"], table["M_UV_p16"])

    def test_comparisons_and_reports_show_them(self):
        constant = ConstantEstimator(("log_mass", "A_V")).fit(
            FLUX, {"log_mass": np.full(12, 9.1), "A_V": np.full(12, 0.9)}
        )
        estimators = {"one": Massive(extra=("log_mass",), random_state=1), "two": constant}
        result = compare(estimators, FLUX, random_state=1)
        assert {"A_V", "log_mass"} <= set(result.quantities)
        row = result.metrics[result.metrics["quantity"] == "log_mass"][0]
        assert row["bias"] == pytest.approx(-0.1, abs=0.01)
        assert "surviving stellar mass" in result.to_html()


class TestErrors:
    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"extra": ("log_mas",)}, "did you mean 'log_mass'"),
            ({"extra": ("log_age",)}, "Massive cannot give it"),
            ({"extra": "log_mass"}, r"write \('log_mass',\)"),
            ({"extra": 3}, "extra must be a tuple of names out of A_V"),
            ({"targets": "log_age"}, "targets must be names out of A_V"),
            ({"targets": ("A_V", "log_mas")}, "did you mean 'log_mass'"),
        ],
    )
    def test_name_what_can_be_given(self, parameters, message):
        with pytest.raises(InputError, match=message):
            Massive(**parameters).estimate(FLUX)

    def test_truth_outside_the_bounds(self):
        with pytest.raises(InputError, match=r"log_mass from 0 to 15 .*contains 1e\+09"):
            ConstantEstimator("log_mass").fit(FLUX, np.full(12, 1e9))

    def test_estimators_without_a_choice_give_what_they_did(self):
        assert Linear().estimate(FLUX).colnames[1:4] == ["A_V", "A_V_p16", "A_V_p84"]


class TestSlopes:
    def test_the_slope_and_the_attenuation_at_1600(self):
        table = MeurerEstimator(extra=("beta", "A_1600")).estimate(BLUE)
        plain = MeurerEstimator().estimate(BLUE)
        assert table["beta"][0] == pytest.approx(plain["beta"][0], abs=1e-6)
        half_width = (table["beta_p84"] - table["beta_p16"])[0] / 2
        assert half_width == pytest.approx(0.9945 * plain["beta_err"][0], rel=0.02)
        assert table["A_1600"][0].value == pytest.approx(plain["A_UV"][0], abs=1e-6)

    def test_the_relation_of_another_wavelength_is_converted(self):
        table = MeurerEstimator("Takeuchi12", dust_law="Calzetti", extra=("A_1600",)).estimate(
            BLUE
        )
        assert 0.95 < table["A_1600"][0].value / table["A_UV"][0] < 1.0
