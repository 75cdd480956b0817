import numpy as np
import pytest
from astropy import units as u

from dustest.data import (
    QUANTITIES,
    Derivation,
    DustQuantity,
    InputError,
    percentile_columns,
    register_quantity,
)
from dustest.data.quantities import check_quantity, core_quantities, quantity_column


class TestQuantities:
    def test_names_and_units(self):
        units = {name: QUANTITIES[name].unit for name in core_quantities()}
        assert units == {"A_V": u.mag, "E_BV": u.mag, "R_V": None, "log_sSFR": None}

    def test_digits(self):
        digits = {name: QUANTITIES[name].digits for name in core_quantities()}
        assert digits == {"A_V": 2, "E_BV": 3, "R_V": 2, "log_sSFR": 2}

    def test_labels_and_descriptions_are_there(self):
        for quantity in QUANTITIES.values():
            assert quantity.label.count("$") % 2 == 0
            assert quantity.description
            assert quantity.name.isidentifier()

    def test_symbols_have_no_unit(self):
        assert QUANTITIES["log_sSFR"].symbol == r"$\log_{10}\,\mathrm{sSFR}$"
        assert QUANTITIES["R_V"].symbol == "$R_V$"

    def test_sources_of_derived_quantities_come_before_them(self):
        names = list(QUANTITIES)
        for name, quantity in QUANTITIES.items():
            if quantity.derivation is not None:
                assert max(map(names.index, quantity.derivation.sources)) < names.index(name)

    def test_latent_values_go_there_and_back(self):
        for quantity in QUANTITIES.values():
            if quantity.latent is not None:
                values = np.array([0.1, 1.0, 3.0])
                back = quantity.latent.values(quantity.latent.latent(values))
                np.testing.assert_allclose(back, values, rtol=1e-12)

    def test_columns_have_aliases(self):
        assert quantity_column("log_SFR_100", ["id", "log_SFR"]) == "log_SFR"
        assert quantity_column("log_SFR_100", ["log_SFR", "log_SFR_100"]) == "log_SFR_100"
        assert quantity_column("E_BV_p16", ["E_BV"]) is None

    @pytest.mark.parametrize(
        "record",
        [
            DustQuantity("log mass", None, "$m$", "a name with a blank"),
            DustQuantity("log_X", None, "$x$", "in every result", core=True),
            DustQuantity("a_v", None, "$a$", "a name that is taken"),
            DustQuantity("log_X", None, "$x$", "an alias that is taken", aliases=("U-V",)),
            "log_X",
        ],
    )
    def test_records_that_do_not_fit_are_refused(self, record):
        with pytest.raises(InputError, match=r"must have a name|registered already|must be a D"):
            register_quantity(record)
        assert "log_X" not in QUANTITIES

    @pytest.mark.parametrize("name", ["id", "flags", "redshift", "A_V_p16", "R_V_p84"])
    def test_columns_of_results_are_taken(self, name):
        with pytest.raises(
            InputError, match=f"'{name}' must be new ones in results, got .*{name}"
        ):
            register_quantity(DustQuantity(name, None, "$x$", "a column of results"))
        assert name not in QUANTITIES

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"unit": "nonsense"}, "unit of quantity 'log_X' must be a unit"),
            ({"bounds": (1.0, 0.0)}, "bounds of quantity 'log_X' must be two ascending numbers"),
            ({"bounds": 3.0}, "bounds of quantity 'log_X' must be two ascending numbers"),
            ({"bounds": ("0", "1")}, "bounds of quantity 'log_X' must be two ascending numbers"),
            (
                {"derivation": np.exp},
                "derivation of quantity 'log_X' must be a Derivation or None",
            ),
            ({"latent": "ln_"}, "latent of quantity 'log_X' must be a Latent or None, got 'ln_'"),
        ],
    )
    def test_fields_have_a_type(self, fields, problem):
        with pytest.raises(InputError, match=problem):
            DustQuantity(**{"name": "log_X", "unit": None} | fields, label="$x$", description="")

    def test_derivations_have_a_type(self):
        with pytest.raises(InputError, match="sources of a derivation must be a tuple of str"):
            Derivation("A_V", np.exp)
        with pytest.raises(InputError, match="sources of a derivation must be at least one"):
            Derivation((), np.exp)
        with pytest.raises(InputError, match="function of a derivation must be a function"):
            Derivation(("A_V",), 3.0)

    def test_units_may_be_text(self):
        assert DustQuantity("log_X", "mag", "$x$", "").unit is u.mag
        assert DustQuantity("log_X", u.dimensionless_unscaled, "$x$", "").unit is None

    @pytest.mark.parametrize("name", ["A_v", 3, ["A_V"], None])
    def test_others_are_refused(self, name):
        with pytest.raises(InputError, match=r"quantity must be one of .*'E_BV'"):
            check_quantity(name)
        with pytest.raises(InputError, match="quantities must be among"):
            check_quantity(name, "quantities")

    def test_percentiles(self):
        assert percentile_columns("log_sSFR") == ("log_sSFR_p16", "log_sSFR_p84")

    def test_nobody_changes_them(self):
        with pytest.raises(AttributeError):
            QUANTITIES["A_V"].unit = u.nJy
