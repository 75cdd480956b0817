import pytest
from astropy import units as u

from dustest.data import QUANTITIES, InputError, percentile_columns
from dustest.data.quantities import check_quantity


class TestQuantities:
    def test_names_and_units(self):
        units = {name: quantity.unit for name, quantity in QUANTITIES.items()}
        assert units == {"A_V": u.mag, "E_BV": u.mag, "R_V": None, "log_sSFR": None}

    def test_digits(self):
        digits = {name: quantity.digits for name, quantity in QUANTITIES.items()}
        assert digits == {"A_V": 2, "E_BV": 3, "R_V": 2, "log_sSFR": 2}

    def test_labels_and_descriptions_are_there(self):
        for quantity in QUANTITIES.values():
            assert quantity.label.startswith("$")
            assert quantity.description

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
