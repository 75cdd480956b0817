import numpy as np
import pytest
from astropy import units as u
from packages import skip_without

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data import DustTable, InputError
from dustest.data.errors import DustestError
from dustest.io import load_demo
from dustest.studies import Variation, default_variations, error_budget


class Stub:
    """A method of another package: A_V of each galaxy, with an interval of known width."""

    def __init__(self, a_v=0.5, half_width=0.1):
        self.a_v, self.half_width = a_v, half_width

    def get_params(self, deep=True):
        return {"a_v": self.a_v, "half_width": self.half_width}

    def set_params(self, **changes):
        unknown = set(changes) - {"a_v", "half_width"}
        if unknown:
            msg = f"invalid parameter {unknown}"
            raise ValueError(msg)
        vars(self).update(changes)
        return self

    def estimate(self, sample, n_jobs=None):
        a_v = np.broadcast_to(self.a_v, len(sample)).astype(float)
        width = self.half_width
        values = {"A_V": a_v, "A_V_p16": a_v - width, "A_V_p84": a_v + width}
        return DustTable.from_quantities(sample["id"], {k: v * u.mag for k, v in values.items()})


def sample(n=3):
    return load_demo()[0][:n]


def budget(variations, reference=None, n=3):
    return error_budget(sample(n), reference=reference or Stub(), variations=variations)


def higher(shift, assumption="prior", **options):
    """A variation of the stub with A_V higher by some shift."""
    return Variation(assumption, {"a_v": 0.5 + np.asarray(shift)}, **options)


class TestShifts:
    def test_in_mag_and_in_half_intervals(self):
        found = budget({"up": higher([0.05, 0.2, 0.3])}).galaxies()
        assert found["A_V"].to_value(u.mag) == pytest.approx(0.5)
        assert found["half_width"].to_value(u.mag) == pytest.approx(0.1)
        assert found["shift_up"].to_value(u.mag) == pytest.approx([0.05, 0.2, 0.3])
        assert found["relative_shift_up"] == pytest.approx([0.5, 2.0, 3.0])

    def test_summary(self):
        (row,) = budget({"up": higher([-0.05, 0.2, 0.3])}).table()
        assert row["shift"].to_value(u.mag) == pytest.approx(0.2)
        assert row["size"].to_value(u.mag) == pytest.approx(0.2)
        assert row["shift_p16"].to_value(u.mag) == pytest.approx(-0.05 + 0.32 * 0.25)
        assert row["moved"] == pytest.approx(2 / 3)
        assert row["moved_err"] == pytest.approx(np.sqrt(2 / 27))
        assert (row["against"], row["n"]) == ("reference", 3)

    def test_reference_is_not_changed(self):
        reference = Stub()
        budget({"up": higher(0.1)}, reference)
        assert reference.a_v == 0.5

    def test_against_another_variation(self):
        other = Variation("method", estimator=Stub(1.0, half_width=0.4))
        changed = Variation("relation", {"a_v": 1.2}, against="other")
        found = budget({"changed": changed, "other": other})
        (shift, _) = found.table()["shift"].to_value(u.mag)
        assert shift == pytest.approx(0.2)
        assert found.galaxies()["relative_shift_changed"] == pytest.approx(0.5)
        totals = found.totals()
        assert list(totals["assumption"]) == ["method", "relation", "all"]
        assert totals["largest"] == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
        assert totals["size"].to_value(u.mag) == pytest.approx([0.5, 0.2, 0.5])

    def test_unknown_values_and_widths(self):
        found = budget({"up": higher([np.nan, 0.1, 0.1])}, Stub(half_width=0.0))
        row = found.table()[0]
        assert row["n"] == 2
        assert np.isnan(row["moved"])
        assert list(found.galaxies()["largest"]) == ["", "prior", "prior"]


class TestTotals:
    def test_largest_shift_of_each_galaxy(self):
        variations = {
            "a": higher([0.1, 0.0, 0.0]),
            "b": higher([0.0, -0.3, 0.1]),
            "c": higher([0.2, 0.2, 0.2], "dust law"),
        }
        found = budget(variations)
        totals = found.totals()
        assert list(totals["assumption"]) == ["dust law", "prior", "all"]
        assert totals["size"].to_value(u.mag) == pytest.approx([0.2, 0.1, 0.2])
        assert totals["largest"] == pytest.approx([2 / 3, 1 / 3, 1.0])
        assert list(found.galaxies()["largest"]) == ["dust law", "prior", "dust law"]


class TestLeftOut:
    def test_reasons(self):
        bare = sample()
        bare.remove_columns([f"cutout_{band}" for band in bare.cutout_bands])
        slope = MeurerEstimator("Meurer99")
        every = default_variations(slope, 195003)
        names = ("Reddy15", "network", "JADES-deep")
        some = {name: every[name] for name in names}
        some["wrong"] = Variation("prior", {"no_parameter": 1})
        some["on it"] = Variation("prior", {"no_parameter": 2}, against="wrong")
        found = error_budget(bare, reference=slope, variations=some)
        assert list(found.variations) == ["Reddy15", "JADES-deep"]
        assert "no_parameter" in found.left_out["wrong"]
        assert "'wrong'" in found.left_out["on it"]
        assert "F277W" in found.left_out["network"]
        assert "second grid" in found.left_out["stellar library and IMF"]

    def test_without_a_v(self):
        found = budget({"none": higher(np.nan)})
        assert "no A_V" in found.left_out["none"]
        assert len(found.table()) == len(found.totals()) == 0
        assert len(found.galaxies()) == 3
        with pytest.raises(InputError, match="left_out"):
            found.plot()

    def test_reference_must_run(self):
        with pytest.raises(DustestError, match="no A_V"):
            budget({}, Stub(np.nan))


class TestArguments:
    @pytest.mark.parametrize(
        ("variations", "words"),
        [
            (["SMC"], "dict"),
            ({"up": Stub()}, "Variation"),
            ({"reference": higher(0.1)}, "other than"),
            ({"up": higher(0.1, against="down")}, "against must be"),
            ({"up": higher(0.1, against="up")}, "lead back"),
        ],
    )
    def test_variations(self, variations, words):
        with pytest.raises(InputError, match=words):
            budget(variations)

    @pytest.mark.parametrize("given", [("",), ("prior",), ("prior", ["SMC"])])
    def test_variation(self, given):
        with pytest.raises(InputError):
            Variation(*given)


class TestDefaults:
    def test_of_a_fit(self):
        variations = default_variations(BagpipesEstimator(sfh="delayed", preset="Fu"))
        assert variations["flat prior"].changes["priors"] == {"dust:Av_prior": "uniform"}
        assert "lognormal" in variations
        assert not {"delayed", "Calzetti", "SED fit", "Reddy18-SMC"} & set(variations)
        assert variations["Reddy15"].against == "UV slope"
        changed = variations["Meurer99"].applied_to(variations["UV slope"].estimator)
        assert changed.params_in_use["relation"] == "Meurer99"
        assert changed.params_in_use["dust_law"] == "Calzetti"

    def test_priors_of_the_reference_stay(self):
        priors = {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"}
        changed = default_variations(BagpipesEstimator(priors=priors))["log prior"]
        expected = {"dust:Av": (1e-4, 4.0), "dust:Av_prior": "log_10"}
        assert changed.changes["priors"] == expected

    def test_of_the_default_fit(self):
        fit = BagpipesEstimator()
        variations = default_variations(fit)
        assert not {"delayed_burst", "Salim", "flat prior"} & set(variations)
        assert variations["A_V of mass"].changes["joint_priors"] == ("slope_of_A_V", "A_V_of_mass")
        for one in variations.values():
            if one.assumption in ("prior", "star-formation history", "dust law"):
                one.applied_to(fit)._check_parameters()

    def test_of_a_calibrated_slope(self):
        variations = default_variations(MeurerEstimator(calibration="JADES-deep"))
        assert variations["Reddy15"].against == "uncalibrated"
        found = error_budget(
            sample(20),
            reference=MeurerEstimator(calibration="JADES-deep"),
            variations={name: variations[name] for name in ("Reddy15", "uncalibrated")},
        )
        assert set(found.variations) == {"Reddy15", "uncalibrated"}

    def test_relations_move_the_slope_as_published(self):
        found = error_budget(
            sample(20),
            reference=MeurerEstimator("Meurer99"),
            variations={"Reddy15": Variation("relation", {"relation": "Reddy15"})},
        )
        beta = found.tables["reference"]["beta"]
        from_relations = (4.48 + 1.84 * beta) - (4.43 + 1.99 * beta)
        scale = found.tables["reference"]["A_V"].value / (4.43 + 1.99 * beta)
        expected = from_relations * np.median(scale)
        assert found.galaxies()["shift_Reddy15"].value == pytest.approx(expected, abs=0.01)


@pytest.mark.usefixtures("warm_workers")
def test_fits_of_a_few_galaxies():
    skip_without("bagpipes", "nautilus")
    fit = BagpipesEstimator(preset="Fu", random_state=195002)
    names = ("flat prior",)
    variations = {name: default_variations(fit)[name] for name in names}
    found = error_budget(sample(3), reference=fit, variations=variations)
    shifts = found.galaxies()["shift_flat prior"].to_value(u.mag)
    assert (shifts > 0.0).all()  # a flat prior has less weight at low A_V
