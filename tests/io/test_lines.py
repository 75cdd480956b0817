"""Lines of spectra in a sample."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table, vstack

from dustest import BalmerEstimator
from dustest.data.errors import InputError
from dustest.io import add_lines, read_spectrum
from dustest.physics import fit_lines

LINE, DENSITY = u.Unit("erg / (s cm2)"), u.Unit("erg / (s cm2 AA)")


def measured(**fluxes):
    """A table of lines."""
    flux = np.array(list(fluxes.values()))
    return QTable(
        {
            "line": list(fluxes),
            "flux": flux * LINE,
            "flux_err": 0.1 * np.abs(flux) * LINE,
            "continuum": np.full(flux.size, 1e-20) * DENSITY,
        }
    )


class TestAddLines:
    def test_rows_without_a_line_are_missing(self):
        tables = [measured(Ha=3e-18, Hb=1e-18), None, measured(Ha=2e-18, Hb=np.nan)]
        sample = add_lines(Table({"redshift": [2.0, 3.0, 4.0]}), tables)
        np.testing.assert_array_equal(sample["line_Ha"].value, [3e-18, np.nan, 2e-18])
        np.testing.assert_array_equal(sample["line_Hb"].value, [1e-18, np.nan, np.nan])
        assert sample["line_continuum_Hb"].unit == DENSITY
        assert sample.lines == ("Ha", "Hb")

    def test_lines_that_follow_another_one_are_left_out(self):
        table = measured(OIII4960=1e-18, OIII5008=3e-18, NII6585=1e-18)
        table["tied_to"] = ["OIII5008", "", "Ha"]
        sample = add_lines(Table({"redshift": [2.0]}), [table])
        assert sample.lines == ("OIII5008", "NII6585")

    def test_negative_fluxes_are_kept(self):
        sample = add_lines(Table({"redshift": [2.0]}), [measured(Hb=-1e-19)])
        assert sample["line_Hb"].value == [-1e-19]

    def test_real_spectra_to_attenuation(self, shared_data):
        path = shared_data / "spectra" / "jades_gto_001882_prism_clear_v5.0_1D.fits"
        tables = [fit_lines(read_spectrum(path), 5.441)]
        sample = add_lines(Table({"redshift": [5.441]}), tables)
        table = BalmerEstimator(absorption={"Hb": 2.0}).estimate(sample)
        assert 0.2 < table["A_V_nebular"][0].value < 1.1
        assert table["n_lines"][0] >= 4

    @pytest.mark.parametrize("tables", [None, [], [None, None], measured(Ha=1e-18)])
    def test_one_table_a_row(self, tables):
        with pytest.raises(InputError, match="tables must be a list of one table a row"):
            add_lines(Table({"redshift": [2.0]}), tables)

    def test_other_tables_are_refused(self):
        with pytest.raises(InputError, match=r"tables must hold tables .* got for row 0: line"):
            add_lines(Table({"redshift": [2.0]}), [Table({"line": ["Ha"]})])
        with pytest.raises(InputError, match="got for row 1: int"):
            add_lines(Table({"redshift": [2.0, 3.0]}), [None, 3])

    def test_a_line_twice_is_refused(self):
        with pytest.raises(InputError, match="each line once, got Ha twice for row 0"):
            add_lines(Table({"redshift": [2.0]}), [vstack([measured(Ha=1e-18)] * 2)])

    def test_tables_of_files(self, tmp_path):
        measured(Ha=3e-18, Hb=1e-18).write(tmp_path / "lines.fits")
        table = Table.read(tmp_path / "lines.fits")
        sample = add_lines(Table({"redshift": [2.0]}), [table])
        assert sample["line_Ha"].value == [3e-18]
        assert sample.lines == ("Ha", "Hb")

    def test_units_are_needed(self):
        bare = Table({name: [1e-18] for name in ("flux", "flux_err", "continuum")})
        bare["line"] = ["Ha"]
        with pytest.raises(InputError, match="column flux of tables must have a unit"):
            add_lines(Table({"redshift": [2.0]}), [bare])
