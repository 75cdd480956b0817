import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from bagpipes_models import load_bagpipes_of, points_of_every_history
from fresh_process import call_with_output
from packages import skip_without
from warm_process import call

from dustest.data.bands import get_band
from dustest.data.errors import MissingDependencyError
from dustest.estimators._sed.bagpipes import loading as igm
from dustest.estimators._sed.bagpipes import nested_sampling as fit
from dustest.estimators._sed.posterior import LOG_SSFR_FLOOR


class TestCleanSpectrum:
    wavelength = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    flux = np.array([5.0, -1.0, 2.0, 7.0, 3.0])
    error = np.ones(5)

    def test_good_pixels_pass_through(self):
        table = fit.clean_spectrum(self.wavelength, self.flux, self.error)
        np.testing.assert_array_equal(
            table, np.column_stack([self.wavelength, self.flux, self.error])
        )

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("column", ["flux", "error"])
    def test_a_bad_pixel_keeps_its_place_and_loses_its_weight(self, column, bad):
        arrays = {"flux": self.flux.copy(), "error": self.error.copy()}
        arrays[column][2] = bad
        table = fit.clean_spectrum(self.wavelength, **arrays)
        assert table[:, 0].tolist() == self.wavelength.tolist()
        assert np.isfinite(table).all()
        assert 0.0 < 1.0 / table[2, 2] ** 2 < 1e-190

    @pytest.mark.parametrize("error", [0.0, -1.0])
    def test_an_error_that_is_not_positive(self, error):
        errors = self.error.copy()
        errors[1] = error
        assert fit.clean_spectrum(self.wavelength, self.flux, errors)[1, 2] > 1e90

    def test_bad_ends_have_no_weight(self):
        flux = np.array([np.nan, 1.0, 2.0, 3.0, np.nan])
        table = fit.clean_spectrum(self.wavelength, flux, self.error)
        assert np.all(table[[0, -1], 2] > 1e90)

    def test_order_padding_and_repeated_pixels(self):
        wavelength = np.array([3.0, 1.0, np.nan, 2.0, 2.0])
        table = fit.clean_spectrum(wavelength, self.flux, self.error)
        assert table[:, 0].tolist() == [1.0, 2.0, 3.0]
        assert table[:, 1].tolist() == [-1.0, 7.0, 5.0]

    @pytest.mark.parametrize("flux", [np.full(5, np.nan), np.zeros(5), [1.0, *[np.nan] * 4]])
    def test_nothing_to_fit(self, flux):
        assert fit.clean_spectrum(self.wavelength, np.array(flux), self.error) is None

    def test_no_spectrum(self):
        empty = np.empty(0)
        assert fit.clean_spectrum(empty, empty, empty) is None


class TestStarFormationRate:
    edges = np.linspace(0.0, 1e9, 10_001)

    def history(self, rate, log_mass=9.0):
        """Star formation [Msun / yr] against age, as Bagpipes keeps it."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        return SimpleNamespace(
            sfh=rate(middle),
            age_lhs=self.edges,
            age_widths=np.diff(self.edges),
            stellar_mass=log_mass,
        )

    @pytest.mark.parametrize("timescale", [1e7, 1e8])
    def test_constant_rate(self, timescale):
        sfh = self.history(lambda age: np.full_like(age, 3.0))
        assert fit._log_ssfr(sfh, timescale) == pytest.approx(np.log10(3.0) - 9.0)

    def test_time_without_star_formation_counts(self):
        sfh = self.history(lambda age: np.where(age < 2.5e7, 4.0, 0.0))
        assert fit._log_ssfr(sfh, 1e8) == pytest.approx(-9.0, abs=1e-3)
        assert fit._log_ssfr(sfh, 1e7) == pytest.approx(np.log10(4.0) - 9.0)

    def test_timescales_between_the_steps_of_the_history(self):
        sfh = self.history(lambda age: np.exp(age / 1e7))
        expected = np.log10(np.expm1(1.234) / 1.234) - 9.0
        assert fit._log_ssfr(sfh, 1.234e7) == pytest.approx(expected, abs=1e-4)

    def test_no_recent_star_formation_is_the_floor(self):
        sfh = self.history(lambda age: np.where(age > 5e8, 1.0, 0.0))
        with np.errstate(divide="ignore"):
            assert fit._log_ssfr(sfh, 1e8) == LOG_SSFR_FLOOR


class TestInputsOfBagpipes:
    def test_filter_lines_read_back(self):
        lines = fit.filter_lines("F200W")
        curve = np.loadtxt(lines, usecols=(0, 1))
        np.testing.assert_array_equal(curve[:, 0], get_band("F200W").wavelength)
        np.testing.assert_array_equal(curve[:, 1], get_band("F200W").transmission)
        assert hash(lines) == hash(fit.filter_lines("F200W"))

    def test_constant_resolution(self):
        curve = fit.resolution_curve(1000.0, np.array([1e4, 3e4]))
        assert curve.tolist() == [[1e4, 1000.0], [3e4, 1000.0]]
        assert fit.resolution_curve(None, np.array([1e4, 3e4])) is None

    def test_prism_resolution_against_the_published_curve(self, shared_data):
        table = fits.getdata(shared_data / "spectra" / "jwst_nirspec_prism_disp.fits")
        curve = fit.resolution_curve("prism", np.linspace(6e3, 5.3e4, 300))
        micron = np.linspace(0.6, 5.3, 200)
        ours = np.interp(1e4 * micron, *curve.T)
        published = np.interp(micron, table["WAVELENGTH"].astype(float), table["R"].astype(float))
        np.testing.assert_allclose(ours, published, rtol=0.05)


class TestImport:
    @pytest.fixture
    def table(self, tmp_path):
        """A complete table of the shape that Bagpipes writes."""
        path = tmp_path / "table.fits"
        images = [fits.ImageHDU(np.ones((20, 300))), fits.ImageHDU(np.ones(300))]
        fits.HDUList([fits.PrimaryHDU(), *images, fits.ImageHDU(np.ones(20))]).writeto(path)
        return path

    def test_a_whole_table(self, table):
        assert igm._is_complete(table)

    @pytest.mark.parametrize("fraction", [0.0, 0.01, 0.3, 0.9, 0.999])
    def test_a_table_cut_off(self, table, fraction):
        content = table.read_bytes()
        table.write_bytes(content[: int(fraction * len(content))])
        assert not igm._is_complete(table)

    def test_no_table(self, tmp_path):
        assert not igm._is_complete(tmp_path / "table.fits")

    def test_a_table_that_cannot_be_written(self, tmp_path, monkeypatch):
        def refuse():
            msg = "Read-only file system"
            raise OSError(msg)

        monkeypatch.setattr(igm, "_import_quietly", refuse)
        with pytest.raises(MissingDependencyError, match=r"bagpipes writes a table .*Read-only"):
            igm._import_first(tmp_path / "table.fits")

    def test_one_holder_at_a_time(self, tmp_path):
        fcntl = pytest.importorskip("fcntl")
        with (
            igm._locked(tmp_path),
            open(igm._lock_path(tmp_path), "w") as other,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_not_installed(self, monkeypatch):
        monkeypatch.setattr(igm, "find_spec", lambda _: None)
        monkeypatch.delitem(sys.modules, "bagpipes", raising=False)
        with pytest.raises(MissingDependencyError, match=r'pip install "dustest\[sed\]"'):
            igm.load_bagpipes()

    def test_first_imports_at_once_write_the_table_once(self, tmp_path):
        package = tmp_path / "site" / "bagpipes"
        (package / "models" / "grids").mkdir(parents=True)
        (package / "models" / "grids" / "d_igm_grid_inoue14.fits").write_bytes(b"cut off")
        (package / "__init__.py").write_text(
            textwrap.dedent("""
                import pathlib, time
                from astropy.io import fits
                import numpy as np
                print("a greeting")
                path = pathlib.Path(__file__).parent / "models/grids/d_igm_grid_inoue14.fits"
                if not path.exists():
                    image = fits.ImageHDU(np.ones((50, 300)))
                    hdus = fits.HDUList([fits.PrimaryHDU(), image, image.copy(), image.copy()])
                    hdus.writeto(path.with_name("whole.fits"))
                    content = path.with_name("whole.fits").read_bytes()
                    with open(path, "wb") as file:
                        file.write(content[:10000])
                        file.flush()
                        time.sleep(0.5)
                        file.write(content[10000:])
                    with open(path.with_name("log"), "a") as log:
                        log.write("written ")
                assert len(fits.open(path)) == 4
            """)
        )
        with ThreadPoolExecutor(3) as pool:
            runs = [
                pool.submit(call_with_output, load_bagpipes_of, tmp_path / "site", cwd=tmp_path)
                for _ in range(3)
            ]
        assert [run.result() for run in runs] == [(None, "")] * 3
        assert (package / "models" / "grids" / "log").read_text() == "written "


class TestLikelihood:
    def test_every_history_and_law_has_models_all_over_its_prior(self, tmp_path):
        """Every star-formation history and dust law, at random points of the prior, z = 6-9."""
        skip_without("bagpipes")
        result = call(points_of_every_history, cwd=tmp_path)
        assert len(result) == 7
        for points in result.values():
            log_likelihood, log_ssfr, log_mass, log_sfr_10, log_sfr_100, log_age, chi2 = points.T
            assert np.isfinite(points).all()
            assert np.all(log_likelihood > -1e30)
            np.testing.assert_allclose(log_likelihood + chi2 / 2, log_likelihood[0] + chi2[0] / 2)
            assert np.all((log_ssfr >= -14.0) & (log_ssfr < -6.0))
            assert np.all((log_mass > 4.0) & (log_mass < 12.4))
            np.testing.assert_allclose(log_sfr_100, log_ssfr + log_mass)
            # A rate over the last 10 Myr is at most ten times that over the last 100.
            assert np.all(log_sfr_10 <= log_sfr_100 + 1.0 + 1e-9)
            assert np.all((log_age > 5.0) & (log_age < 9.0))
        assert list(tmp_path.iterdir()) == []
