import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable
from astropy.utils.masked import Masked

from dustest.data import DustTable, GalaxySample, RowTable, as_sample
from dustest.data.containers import table_displays
from dustest.data.containers.table_displays import display_of


@pytest.fixture
def result():
    """Two galaxies, of which one has nothing but a flag."""
    return DustTable.from_quantities(
        ["a", "b"],
        {"A_V": [0.4123, np.nan], "A_V_p16": [0.1, np.nan], "A_V_p84": [0.7234, np.nan]},
        flags=[0, 5],
        extra={
            "beta": [-2.04, -1.6],
            "beta_err": [0.123, np.nan],
            "A_V_draws": np.zeros((2, 7)) << u.mag,
            "n_pixels": [12, 13],
        },
        meta={"estimator": "MeurerEstimator"},
    )


class TestResult:
    def test_numbers_are_shown_with_their_errors(self, result):
        display = display_of(result)
        assert display.title == "DustTable of 2 rows by MeurerEstimator"
        assert list(map(str, display.headings)) == ["id", "A_V [mag]", "flags", "beta", "n_pixels"]
        assert display.rows == [
            ("a", "0.41 +0.31 −0.31", "", "−2.04 ± 0.12", "12"),
            ("b", "–", "NO_DATA, LOW_SNR", "−1.60", "13"),
        ]
        assert display.notes == [
            "without a value: E_BV, R_V, log_sSFR",
            "arrays: A_V_draws (7)",
        ]

    def test_is_shown_in_terminals_and_notebooks(self, result):
        assert repr(result).startswith("DustTable of 2 galaxies by MeurerEstimator\n")
        assert repr(result).splitlines()[2].split() == [
            *("a", "0.41", "+0.31", "-0.31", "-2.04", "±", "0.12", "12")
        ]
        assert "<td>0.41 +0.31 −0.31</td>" in result._repr_html_()

    def test_columns_and_print_are_those_of_astropy(self, result):
        assert result["A_V"][0] == 0.4123 * u.mag
        assert str(result["id", "A_V"]) == str(QTable(result["id", "A_V"]))
        assert "0.4123" in result[0]._repr_html_()
        assert "0.4123" in QTable(result)._repr_html_()

    @pytest.mark.parametrize(
        "part",
        [
            lambda table: table[:1],
            lambda table: table[[1]],
            lambda table: table[table["flags"] == 0],
            lambda table: table["id", "A_V"],
            lambda table: table["A_V_p16", "A_V_p84"],
            lambda table: table[:0],
        ],
    )
    def test_parts_of_a_table(self, result, part):
        assert "<strong>DustTable of" in part(result)._repr_html_()
        assert repr(part(result)).startswith("DustTable of")

    def test_medians_alone(self, result):
        assert display_of(result["id", "A_V"]).rows == [("a", "0.412"), ("b", "–")]

    def test_without_columns(self):
        assert repr(DustTable()) == "DustTable of 0 galaxies"

    def test_long_tables_are_not_formatted_whole(self, monkeypatch):
        formatted = []
        monkeypatch.setattr(
            table_displays, "format_estimate", lambda *numbers: formatted.append(numbers) or ""
        )
        n = 1_000_000
        columns = {name: np.full(n, 0.3) for name in ("A_V", "A_V_p16", "A_V_p84")}
        table = DustTable.from_quantities(np.arange(n), columns)
        assert "1,000,000 galaxies" in table._repr_html_()
        assert len(formatted) == 10

    def test_other_values(self):
        table = DustTable(
            {
                "id": MaskedColumn([1, 2], mask=[False, True]),
                "A_V": Masked([0.4, 0.5] * u.mag, mask=[True, False]),
                "R_V": ["unknown", "4.05"],
                "flags": [1 << 30, 0],
                "place": SkyCoord([10, 20], [1, 2], unit="deg"),
                "notes": np.array([None, {"a": 1}], dtype=object),
            }
        )
        first, second = display_of(table).rows
        assert first[:4] == ("1", "–", "unknown", str(1 << 30))
        assert second[:3] == ("–", "0.500", "4.05")
        assert second[5] == "{'a': 1}"


def test_other_tables_have_rows():
    table = RowTable({"epoch": [1, 2], "loss": [0.51234, 0.4]})
    assert repr(table).splitlines() == [
        "RowTable of 2 rows",
        "epoch   loss",
        "1      0.512",
        "2      0.400",
    ]


class TestSample:
    def test_fluxes_have_their_errors_and_images_their_size(self):
        table = QTable(
            {
                "id": ["<b>x</b>"],
                "redshift": [7.123],
                "redshift_err": [0.05],
                "flux_F277W": [31.26] * u.nJy,
                "flux_err_F277W": [1.24] * u.nJy,
                "flux_F444W": [np.nan] * u.nJy,
                "flux_err_F444W": [np.nan] * u.nJy,
                "cutout_F277W": np.zeros((1, 8, 9)) << u.nJy,
                "cutout_mask_F277W": np.zeros((1, 8, 9), dtype=bool),
            }
        )
        display = display_of(as_sample(table))
        assert repr(as_sample(table)).startswith("GalaxySample of 1 galaxy\n")
        assert display.rows == [("<b>x</b>", "7.12 ± 0.05", "31.3 ± 1.2")]
        assert display.notes == ["without a value: flux_F444W", "arrays: cutout_F277W (8 × 9)"]
        assert "&lt;b&gt;x&lt;/b&gt;" in display.to_html()

    def test_errors_are_found_by_their_names(self):
        names = ("beta", "line_OIII_5008", "fitted_flux_F277W")
        errors = ("beta_err", "line_err_OIII_5008", "fitted_flux_err_F277W")
        sample = GalaxySample({name: [1.0] for name in (*errors, *names)})
        assert display_of(sample).rows == [("1.0 ± 1.0",) * 3]
        assert list(map(str, display_of(sample).headings)) == list(names)

    def test_columns_beyond_the_twelfth_are_named(self):
        sample = GalaxySample({f"c{number}": [1.0] for number in range(14)})
        assert list(map(str, display_of(sample).more)) == ["c12", "c13"]
        assert repr(sample).endswith("more columns: c12, c13")
