import numpy as np
import pytest
from astropy import units as u
from fitted_results import BANDS, ERROR, FLUX, sed_result
from matplotlib.figure import Figure

from dustest.data import DustTable, InputError
from dustest.data.bands import get_band
from dustest.report import plot_sed


def points(ax):
    """Values of the error bars of an axis."""
    return [container[0].get_xydata() for container in ax.containers if container[0] is not None]


class TestPlotSED:
    def test_data_models_and_residuals(self):
        table = sed_result()
        upper, lower = plot_sed(table, 0).axes
        pivot = [get_band(band).pivot / 1e4 for band in BANDS]
        (seen,) = points(upper)
        np.testing.assert_allclose(seen, np.stack([pivot, FLUX], 1)[1:])
        (residuals,) = points(lower)
        np.testing.assert_allclose(residuals, np.stack([pivot, np.full(4, -1.0)], 1))
        best, bare = (line.get_ydata() for line in upper.lines if len(line.get_ydata()) == 500)
        np.testing.assert_array_equal(best, table["SED"][0].value)
        np.testing.assert_array_equal(bare, 1.5 * best)
        band = upper.collections[0].get_paths()[0].vertices[:, 1]
        assert band.max() == pytest.approx(1.1 * best.max())
        (squares,) = [one.get_offsets() for one in upper.collections if len(one.get_offsets()) > 1]
        np.testing.assert_allclose(squares[:, 1], FLUX + ERROR)

    def test_a_faint_flux_is_an_upper_limit_of_two_errors(self):
        upper = plot_sed(sed_result(), 0).axes[0]
        limits = [c for c in upper.containers if c[0] is None]
        assert limits[0].has_yerr
        (bar,) = limits[0][2][0].get_segments()
        assert bar[:, 1].max() == pytest.approx(0.1 + 2.0)

    def test_the_title_has_the_numbers(self):
        title = plot_sed(sed_result(), 0).get_suptitle()
        assert "0   $z = 7.00$" in title
        assert "= 0.41 +0.31 −0.31 mag" in title

    def test_the_rest_frame_is_on_top(self):
        upper = plot_sed(sed_result(), 0).axes[0]
        (top,) = upper.child_axes
        low, high = upper.get_xlim()
        upper.figure.draw_without_rendering()
        np.testing.assert_allclose(top.get_xlim(), [low / 8.0, high / 8.0])

    def test_a_free_redshift_is_that_of_the_fit(self):
        assert "z = 6.50" in plot_sed(sed_result(redshift=[6.5, np.nan]), 0).get_suptitle()

    def test_a_spectrum_is_drawn_in_the_units_of_the_photometry(self):
        unit = u.Unit("erg s-1 cm-2 AA-1")
        wavelength = np.tile([1.0e4, 2.0e4, np.nan], (2, 1)) << u.AA
        flux = (np.full((2, 3), 10.0) * u.nJy).to(unit, u.spectral_density(1.0e4 * u.AA))
        extra = dict.fromkeys(("fitted_spectrum", "fitted_spectrum_err"), flux)
        figure = plot_sed(sed_result(fitted_wavelength=wavelength, **extra), 0)
        (line,) = [line for line in figure.axes[0].lines if line.get_label() == "spectrum"]
        np.testing.assert_allclose(line.get_xydata(), [[1.0, 10.0], [2.0, 40.0]])

    def test_from_a_file(self, tmp_path):
        sed_result().write(tmp_path / "result.fits")
        figure = DustTable.read(tmp_path / "result.fits").plot_sed(0)
        assert isinstance(figure, Figure)
        figure.draw_without_rendering()

    def test_a_figure_of_the_caller(self):
        figure = Figure()
        assert plot_sed(sed_result(), 0, figure=figure) is figure


class TestMessages:
    def test_without_draws(self):
        table = DustTable.from_quantities([1], {"A_V": [0.3]})
        with pytest.raises(InputError, match=r"estimate\(\.\.\., draws=200\), got a result of"):
            plot_sed(table, 1)

    @pytest.mark.parametrize(("galaxy", "why"), [(7, "it is not there"), (0, "it is there 2 tim")])
    def test_an_id_that_is_not_there_once(self, galaxy, why):
        table = sed_result(3)
        table["id"] = [0, 0, 1]
        with pytest.raises(
            InputError, match=rf"^id must be that of one galaxy.*got {galaxy}: {why}"
        ):
            plot_sed(table, galaxy)

    def test_a_galaxy_without_an_estimate(self):
        with pytest.raises(InputError, match=r"galaxy 1 must have an estimate.*flags: FAILED$"):
            plot_sed(sed_result(), 1)

    @pytest.mark.parametrize("galaxy", [1.5, None, "", True, [0, 1]])
    def test_an_id_that_is_none(self, galaxy):
        with pytest.raises(InputError, match=r"^id must be the integer or the text of one galaxy"):
            plot_sed(sed_result(), galaxy)

    def test_a_long_id_leaves_room_for_the_numbers(self):
        table = sed_result()
        table["id"] = ["x" * 200, "b"]
        title = plot_sed(table, "x" * 200).get_suptitle()
        assert title.startswith("x" * 31 + "…   $z")
