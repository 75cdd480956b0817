"""Tests of the readers of particle files, on real files and on ones made for the purpose."""

import sys

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM

from dustest.data import InputError, MissingDependencyError, ReadError
from dustest.simulate import list_galaxies, optical_depth, read_particles

HUBBLE, SCALE = 0.7, 0.125
HEADER = {"HubbleParam": HUBBLE, "Time": SCALE, "Omega0": 0.3, "BoxSize": 1000.0}


def snapshot_columns(n=4):
    """Stars (one of them a wind) and gas that lie across a face of the box."""
    position = np.array([[999.0, 5.0, 5.0], [1.0, 5.0, 5.0], [0.0, 5.0, 9.0], [0.0, 5.0, 1.0]])
    stars = {
        "Coordinates": position[:n],
        "GFM_InitialMass": np.full(n, 7e-5),
        "GFM_StellarFormationTime": np.array([0.1, 0.12, 0.125, -0.1])[:n],
        "GFM_Metallicity": np.full(n, 0.003),
        "SubfindHsml": np.full(n, 0.56),
    }
    gas = {
        "Coordinates": position[:n],
        "Masses": np.full(n, 7e-5),
        "GFM_Metallicity": np.full(n, 0.004),
        "SubfindHsml": np.full(n, 1.12),
        "StarFormationRate": np.array([0.0, 0.0, 0.0, 1.0])[:n],
    }
    return stars, gas


def write(path, header=HEADER, stars=None, gas=None):
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update(header)
        for name, columns in (("PartType4", stars), ("PartType0", gas)):
            for key, values in (columns or {}).items():
                file[f"{name}/{key}"] = values
    return path


def write_catalog(path, stars, gas):
    with h5py.File(path, "w") as file:
        counts = np.zeros((len(stars), 6), dtype=np.int32)
        counts[:, 4], counts[:, 0] = stars, gas
        file["Subhalo/SubhaloLenType"] = counts
        file["Subhalo/SubhaloPos"] = np.tile([0.0, 5.0, 5.0], (len(stars), 1))
    return path


class TestSnapshot:
    def test_units_and_winds(self, tmp_path):
        stars, gas = snapshot_columns()
        galaxy = read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))
        assert (galaxy.group, galaxy.redshift) == ("cut", pytest.approx(7.0))
        assert len(galaxy.stars) == 3
        assert galaxy.stars.mass == pytest.approx(np.full(3, 1e6))
        assert galaxy.stars.smoothing == pytest.approx(np.full(3, 0.1))
        cosmology = FlatLambdaCDM(70.0, 0.3)
        age = (cosmology.age(7.0) - cosmology.age(9.0)).to_value(u.yr)
        assert galaxy.stars.age == pytest.approx([age, galaxy.stars.age[1], 0.0], rel=2e-3)
        assert galaxy.gas.mass == pytest.approx(np.full(4, 1e6))
        assert galaxy.gas.smoothing == pytest.approx(np.full(4, 0.2))

    def test_galaxy_is_put_together_across_the_faces_of_the_box(self, tmp_path):
        stars, gas = snapshot_columns()
        galaxy = read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))
        assert np.median(galaxy.stars.position, axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
        kpc = SCALE / HUBBLE
        assert galaxy.stars.position[0] == pytest.approx([-kpc, 0.0, 0.0], abs=1e-6)
        assert np.abs(galaxy.gas.position).max() == pytest.approx(4 * kpc)

    def test_dusty_gas_forms_stars_or_is_cold(self, tmp_path):
        stars, gas = snapshot_columns()
        path = write(tmp_path / "cut.hdf5", HEADER, stars, gas)
        assert read_particles(path).gas.dusty.tolist() == [False, False, False, True]
        # Ionised gas of 100 (km/s)^2 has T = 2/3 x 100 km2/s2 x 0.588 m_p / k = 4750 K.
        gas |= {"InternalEnergy": [100.0, 170.0, 1e4, 1e4], "ElectronAbundance": [1.16] * 4}
        path = write(tmp_path / "hot.hdf5", HEADER, stars, gas)
        assert read_particles(path).gas.dusty.tolist() == [True, False, False, True]

    def test_density_gives_the_size_of_cells(self, tmp_path):
        stars, gas = snapshot_columns()
        gas["Density"] = 3.0 * gas["Masses"] / (4.0 * np.pi * 0.8**3)
        galaxy = read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))
        assert galaxy.gas.smoothing == pytest.approx(np.full(4, 2.5 * 0.8 * SCALE / HUBBLE))

    def test_a_file_without_gas_is_stars_only(self, tmp_path):
        galaxy = read_particles(write(tmp_path / "stars.hdf5", HEADER, snapshot_columns()[0]))
        assert galaxy.gas is None
        with pytest.raises(InputError, match="needs gas that contains dust, but galaxy 'stars'"):
            optical_depth(galaxy, 0.3)

    def test_arguments_stand_in_for_the_header(self, tmp_path):
        stars, gas = snapshot_columns()
        path = write(tmp_path / "bare.hdf5", {"BoxSize": 1000.0}, stars, gas)
        given = {"scale_factor": SCALE, "hubble": HUBBLE, "omega_matter": 0.3}
        whole = read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))
        assert read_particles(path, **given).stars.mass == pytest.approx(whole.stars.mass)
        with pytest.raises(ReadError, match=r"HubbleParam is missing .*bare.hdf5: give hubble"):
            read_particles(path, scale_factor=SCALE, omega_matter=0.3)
        redshift = {key: value for key, value in HEADER.items() if key != "Time"} | {"Redshift": 7}
        path = write(tmp_path / "redshift.hdf5", redshift, stars, gas)
        assert read_particles(path).stars.age == pytest.approx(whole.stars.age)

    @pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
    def test_a_broken_header_is_refused(self, tmp_path, value):
        path = write(tmp_path / "cut.hdf5", HEADER | {"Time": value}, *snapshot_columns())
        with pytest.raises(ReadError, match=r"Time is .*, which is invalid.*: give scale_factor"):
            read_particles(path)

    @pytest.mark.parametrize("key", ["Coordinates", "GFM_InitialMass", "GFM_StellarFormationTime"])
    def test_a_missing_column_is_named(self, tmp_path, key):
        stars, gas = snapshot_columns()
        del stars[key]
        with pytest.raises(ReadError, match=f"has no {key} in its group /PartType4"):
            read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))

    def test_particles_that_cannot_be_are_laid_to_the_file(self, tmp_path):
        stars, gas = snapshot_columns()
        stars["GFM_Metallicity"][0] = np.nan
        with pytest.raises(
            ReadError, match=r"cut.hdf5 does not contain .* metallicity must be fini"
        ):
            read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))

    def test_only_winds_are_no_galaxy(self, tmp_path):
        stars, gas = snapshot_columns()
        stars["GFM_StellarFormationTime"][:] = -0.1
        with pytest.raises(ReadError, match="holds no stars"):
            read_particles(write(tmp_path / "cut.hdf5", HEADER, stars, gas))


class TestCatalog:
    def test_cuts_one_galaxy_out(self, tmp_path):
        path = write(tmp_path / "snap.hdf5", HEADER, *snapshot_columns())
        catalog = write_catalog(tmp_path / "halos.hdf5", stars=[1, 0, 3], gas=[4, 0, 0])
        assert list_galaxies(path, catalog=catalog) == [0, 2]
        first, last = (read_particles(path, i, catalog=catalog) for i in (0, 2))
        assert (len(first.stars), len(first.gas), first.group) == (1, 4, "snap/0")
        assert (len(last.stars), last.gas) == (2, None)
        assert first.stars.position[0] == pytest.approx([-SCALE / HUBBLE, 0.0, 0.0], abs=1e-6)

    def test_misuse_is_refused(self, tmp_path):
        path = write(tmp_path / "snap.hdf5", HEADER, *snapshot_columns())
        catalog = write_catalog(tmp_path / "halos.hdf5", stars=[1, 0, 3], gas=[4, 0, 0])
        with pytest.raises(InputError, match="galaxy must be an integer from 0 to 2, got 3"):
            read_particles(path, 3, catalog=catalog)
        with pytest.raises(ReadError, match="holds no stars"):
            read_particles(path, 1, catalog=catalog)
        with pytest.raises(InputError, match="go together for a snapshot, got galaxy=1"):
            read_particles(path, 1)
        with pytest.raises(InputError, match="go together for a snapshot, got galaxy=None"):
            read_particles(path, catalog=catalog)

    @pytest.mark.parametrize("path", [None, 3, ""])
    def test_no_path(self, path):
        for use in (list_galaxies, read_particles):
            with pytest.raises(InputError, match="path must be the path of a file, got"):
                use(path)

    def test_a_catalogue_of_other_particles_is_refused(self, tmp_path):
        path = write(tmp_path / "snap.hdf5", HEADER, *snapshot_columns())
        catalog = write_catalog(tmp_path / "halos.hdf5", stars=[1, 0, 2], gas=[4, 0, 0])
        with pytest.raises(ReadError, match=r"hold 3 particles of PartType4, but .* holds 4"):
            read_particles(path, 0, catalog=catalog)
        with pytest.raises(ReadError, match="has no group Subhalo"):
            read_particles(path, 0, catalog=path)


class TestDamage:
    def test_missing_truncated_and_foreign_files(self, tmp_path):
        with pytest.raises(ReadError, match=r"no.hdf5 does not exist"):
            read_particles(tmp_path / "no.hdf5")
        whole = write(tmp_path / "cut.hdf5", HEADER, *snapshot_columns()).read_bytes()
        for name, content in (("short.hdf5", whole[: len(whole) // 2]), ("text.hdf5", b"stars")):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ReadError, match=f"{name} cannot be read as HDF5"):
                read_particles(tmp_path / name)

    def test_other_layouts(self, tmp_path):
        with pytest.raises(ReadError, match="holds neither PartType4"):
            read_particles(write(tmp_path / "other.hdf5"))

    def test_h5py_is_asked_for(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'dustest\[scale\]'"):
            read_particles(tmp_path / "any.hdf5")


class TestRealFiles:
    def test_camels(self, shared_data):
        folder = shared_data / "simulations"
        path, catalog = folder / "camels_snap.hdf5", folder / "camels_subhalo.hdf5"
        assert list_galaxies(path, catalog=catalog) == list(range(10))
        galaxy = read_particles(path, 0, catalog=catalog)
        assert (len(galaxy.stars), len(galaxy.gas)) == (278, 64)
        assert galaxy.redshift == pytest.approx(0.1, abs=1e-3)
        # A galaxy of 6e9 solar masses at birth, of some kpc, in which stars formed for long.
        assert np.log10(galaxy.stars.mass.sum()) == pytest.approx(9.81, abs=0.01)
        radius = np.median(np.linalg.norm(galaxy.stars.position, axis=1))
        assert 2.0 < radius < 8.0
        assert 8e9 < galaxy.stars.age.max() < 12.5e9
        assert read_particles(path, 1, catalog=catalog).gas is None

    def test_stars_with_optical_depths(self, shared_data):
        path = shared_data / "simulations" / "star_particles_tauv.hdf5"
        names = list_galaxies(path)
        assert len(names) == 254
        galaxy = read_particles(path, "005_z010p000/09/392")
        assert (len(galaxy.stars), galaxy.gas, galaxy.redshift) == (14, None, 10.0)
        assert galaxy.group == "star_particles_tauv/005_z010p000/09/392"
        assert optical_depth(galaxy) is galaxy.stars.tau_v
        assert 0.0 < galaxy.stars.tau_v.max() < 5.0
        assert 1.5e6 < np.median(galaxy.stars.mass) < 2.5e6
        assert np.abs(galaxy.stars.position).max() < 20.0

    def test_stars_with_optical_depths_must_be_named(self, shared_data):
        path = shared_data / "simulations" / "star_particles_tauv.hdf5"
        with pytest.raises(
            InputError, match=r"one of the 254 galaxies in .*, such as '005_z010p0"
        ):
            read_particles(path)
        with pytest.raises(InputError, match="scale_factor must be above zero"):
            read_particles(path, "005_z010p000/09/392", scale_factor=0.0)
