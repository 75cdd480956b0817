"""Files that refer to others, claim too much memory, or differ from their checksums."""

import bz2
import gzip
import io
import lzma
import re
import socket
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from dustest.data import DustestWarning, ReadError
from dustest.data.files.compression import content_size
from dustest.data.files.contents import check_contents, open_fits
from dustest.data.files.limits import check_memory, memory_limit

VOTABLE = (
    '<?xml version="1.0"?>{before}<VOTABLE version="1.4" '
    'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE {table}>'
    '<FIELD name="id" {field}/><DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>'
)
ROW = "<TABLEDATA><TR><TD>1</TD></TR></TABLEDATA>"
HUGE = 10**11


def votable(path, before="", table="", field='datatype="int"', data=ROW):
    path.write_text(VOTABLE.format(before=before, table=table, field=field, data=data))
    return path


def table_file(path, **options):
    Table({"id": [1, 2], "flux": [1.0, 2.0]}).write(path, **options)
    return path


def forge(path, key, value):
    """Replace the value of the last card of a name in a FITS file."""
    content = bytearray(path.read_bytes())
    place = max(match.start() for match in re.finditer(f"{key:8}= ".encode(), content))
    content[place + 10 : place + 30] = f"{value:>20}".encode()
    path.write_bytes(content)


class TestLimit:
    def test_small_and_large_files(self):
        assert memory_limit(0) == 2**26
        assert memory_limit(10**9) == 10**11

    def test_equal_is_allowed(self):
        check_memory(2**26, 0, "it")
        with pytest.raises(ReadError, match="it would take 64 MiB of memory, more than the 64"):
            check_memory(2**26 + 1, 0, "it")


class TestCompression:
    @pytest.mark.parametrize("module", [gzip, bz2, lzma])
    def test_bomb(self, tmp_path, module):
        path = tmp_path / "bomb.csv.gz"
        with module.open(path, "wb") as file:
            for _ in range(65):
                file.write(bytes(2**20))
        with pytest.raises(ReadError, match="the content of the file"):
            check_contents(path)

    @pytest.mark.parametrize("module", [gzip, bz2, lzma])
    def test_size(self, tmp_path, module):
        path = tmp_path / "data"
        path.write_bytes(module.compress(b"1,2\n"))
        assert content_size(path) == 4

    def test_zip(self, tmp_path):
        path = tmp_path / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a", bytes(2**26 + 1))
        with pytest.raises(ReadError, match="the content of the file"):
            check_contents(path)

    def test_compress(self, tmp_path):
        path = tmp_path / "a.fits.Z"
        path.write_bytes(b"\x1f\x9d\x90")
        with pytest.raises(ReadError, match="decompress it"):
            check_contents(path)

    def test_damage_is_found_by_the_checksum(self, tmp_path):
        content = bytearray(gzip.compress(b"1,2\n" * 100))
        content[-8] ^= 1
        path = tmp_path / "a.csv.gz"
        path.write_bytes(content)
        with pytest.raises(OSError, match="CRC"):
            content_size(path)


class TestVotable:
    def test_good(self, tmp_path):
        check_contents(votable(tmp_path / "a.vot"))

    def test_data_elsewhere(self, tmp_path):
        """Opens no connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            href = f"http://127.0.0.1:{server.getsockname()[1]}/x"
            data = f'<BINARY><STREAM href="{href}"/></BINARY>'
            with pytest.raises(ReadError, match=f"has its data in '{href}'"):
                check_contents(votable(tmp_path / "a.vot", data=data))
            with pytest.raises(BlockingIOError):
                server.accept()

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_entity(self, tmp_path, encoding):
        before = '<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        path = votable(tmp_path / "a.xml", before)
        text = path.read_text().replace('"1.0"?', f'"1.0" encoding="{encoding}"?')
        path.write_text(text, encoding=encoding)
        with pytest.raises(ReadError, match="DOCTYPE"):
            check_contents(path)

    @pytest.mark.parametrize("encoding", ["utf-inf", "cp932"])
    def test_encoding(self, tmp_path, encoding):
        path = votable(tmp_path / "a.vot")
        path.write_text(path.read_text().replace('"1.0"?', f'"1.0" encoding="{encoding}"?'))
        with pytest.raises(ReadError, match="an encoding that is not read"):
            check_contents(path)

    @pytest.mark.parametrize(
        "claim",
        [
            {"table": f'nrows="{HUGE}"'},
            {"field": f'datatype="double" arraysize="{HUGE}"'},
            {"field": f'datatype="int" arraysize="{10**6}x{10**6}x*"'},
        ],
    )
    def test_claims(self, tmp_path, claim):
        with pytest.raises(ReadError, match="a table of the file"):
            check_contents(votable(tmp_path / "a.vot", **claim))


class TestHDF5:
    h5py = pytest.importorskip("h5py")

    def refused(self, path, match):
        with pytest.raises(ReadError, match=match):
            check_contents(path)

    def test_good(self, tmp_path):
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            file["group/x"] = [1, 2]
            file["group/again"] = file["group"]  # a circle
            file["soft"] = self.h5py.SoftLink("/group/x")
            file.create_dataset("empty", dtype=float, data=self.h5py.Empty(float))
        check_contents(tmp_path / "a.h5")

    def test_external_storage(self, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(8))
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            external = [(str(tmp_path / "secret"), 0, 8)]
            file.create_dataset("deep/x", (1,), dtype="f8", external=external)
        self.refused(tmp_path / "a.h5", "has its data in other files")

    def test_external_link(self, tmp_path):
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            file["deep/x"] = self.h5py.ExternalLink("/etc/passwd", "/x")
        self.refused(tmp_path / "a.h5", "a link 'x' to the file '/etc/passwd'")

    def test_virtual_dataset(self, tmp_path):
        layout = self.h5py.VirtualLayout((2,), "f8")
        layout[:] = self.h5py.VirtualSource("other.h5", "x", (2,))
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_virtual_dataset("x", layout)
        self.refused(tmp_path / "a.h5", "has its data in other files")

    def test_claim(self, tmp_path):
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", (HUGE,), dtype="f8", chunks=(1000,))
        self.refused(tmp_path / "a.h5", "the datasets of the file")

    def test_one_dataset_by_many_names(self, tmp_path):
        with self.h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("0", (10**6,), dtype="f8", chunks=(10**6,))
            for i in range(1, 20):
                file[str(i)] = file["0"]
        self.refused(tmp_path / "a.h5", "the datasets of the file")


class TestParquet:
    def test_rows_of_one_value(self, tmp_path):
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({"x": np.zeros(10**7)}), tmp_path / "a.parquet")
        assert (tmp_path / "a.parquet").stat().st_size < 10**5
        with pytest.raises(ReadError, match="the table in the file"):
            check_contents(tmp_path / "a.parquet")


class TestText:
    def test_one_long_cell(self, tmp_path):
        path = table_file(tmp_path / "a.ecsv")
        path.write_text(path.read_text() + f"1 {'9' * 10**5}\n" + "1 2.0\n" * 1000)
        with pytest.raises(ReadError, match="a column of the file"):
            check_contents(path)


class TestFITS:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("NAXIS", HUGE),
            ("NAXIS", -1),
            ("NAXIS", "'x'"),
            ("NAXIS1", "T"),
            ("NAXIS2", -5),
            ("TFIELDS", HUGE),
            ("BITPIX", 7),
            ("PCOUNT", -1),
        ],
    )
    def test_numbers_of_headers(self, tmp_path, key, value):
        path = table_file(tmp_path / "a.fits")
        forge(path, key, value)
        with pytest.raises(ReadError, match=f"must have (a )?{key}"):
            check_contents(path)

    @pytest.mark.parametrize("key", ["WCSAXES", "A_ORDER", "BP_ORDER"])
    def test_numbers_of_coordinates(self, tmp_path, key):
        fits.PrimaryHDU(header=fits.Header({key: HUGE})).writeto(tmp_path / "a.fits")
        with pytest.raises(ReadError, match=f"must have {key} from 0 to 999"):
            check_contents(tmp_path / "a.fits")

    @pytest.mark.parametrize(("key", "value"), [("NAXIS2", HUGE), ("NAXIS1", 10**9)])
    def test_claims(self, tmp_path, key, value):
        path = table_file(tmp_path / "a.fits")
        forge(path, key, value)
        with pytest.raises(ReadError, match="truncated or damaged"):
            check_contents(path)

    def test_extension_without_data(self, tmp_path):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(name="EMPTY")]
        fits.HDUList(hdus).writeto(tmp_path / "a.fits")
        check_contents(tmp_path / "a.fits")

    def test_wide_column(self, tmp_path):
        path = table_file(tmp_path / "a.fits")
        forge(path, "TFORM1", "'9999K'")
        with pytest.raises(ReadError, match="more than the rest of the file"):
            check_contents(path)

    def test_last_block_may_be_short(self, tmp_path):
        path = table_file(tmp_path / "a.fits")
        content = path.read_bytes()
        path.write_bytes(content[: content.rindex(b"END" + bytes(0)) // 2880 * 2880 + 2880 + 32])
        with pytest.warns(DustestWarning, match="may be truncated"):
            check_contents(path)

    def arrays(self, path, length, place):
        values = np.empty(2, dtype=object)
        values[:] = [np.arange(3.0), np.arange(2.0)]
        fits.BinTableHDU.from_columns([fits.Column("x", "PD()", array=values)]).writeto(path)
        with fits.open(path) as hdus:
            start = hdus[1].fileinfo()["datLoc"]
        content = bytearray(path.read_bytes())
        content[start : start + 8] = np.array([length, place], ">i4").tobytes()
        path.write_bytes(content)
        return path

    def test_arrays_of_variable_length(self, tmp_path):
        check_contents(self.arrays(tmp_path / "a.fits", 3, 0))

    @pytest.mark.parametrize(("length", "place"), [(6, 0), (3, 24), (-1, 0), (1, -8)])
    def test_arrays_outside_the_heap(self, tmp_path, length, place):
        with pytest.raises(ReadError, match="end outside of it"):
            check_contents(self.arrays(tmp_path / "a.fits", length, place))

    def test_rows_that_share_an_array(self, tmp_path):
        rows = np.zeros((3000, 2), ">i4")
        rows[:, 0] = 30_000
        hdu = fits.BinTableHDU.from_columns([fits.Column("x", "2J", array=rows)])
        hdu.writeto(tmp_path / "a.fits")
        content = (tmp_path / "a.fits").read_bytes().replace(b"'2J      '", b"'PB      '")
        content = content.replace(
            b"PCOUNT  =                    0", b"PCOUNT  =                30000"
        )
        (tmp_path / "a.fits").write_bytes(content + bytes(2880 * 11))
        with pytest.raises(ReadError, match="MiB of memory"):
            check_contents(tmp_path / "a.fits")

    def test_compressed_image(self, tmp_path):
        path = tmp_path / "a.fits"
        image = fits.CompImageHDU(np.zeros((3000, 3000), "u1"), compression_type="GZIP_1")
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
        check_contents(path)
        with pytest.raises(ReadError, match="the image"), open_fits(path):
            pass

    def test_large_tile(self, tmp_path):
        image = fits.CompImageHDU(np.zeros((3000, 3000), "u1"), tile_shape=(3000, 3000))
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits")
        with pytest.raises(ReadError, match="a tile of"):
            check_contents(tmp_path / "a.fits")

    def test_bytes_in_memory(self, tmp_path):
        content = io.BytesIO(table_file(tmp_path / "a.fits").read_bytes())
        check_contents(content)
        assert content.tell() == 0
        assert len(Table.read(content, format="fits")) == 2

    def test_lost_extension(self, tmp_path):
        path = table_file(tmp_path / "a.fits")
        path.write_bytes(path.read_bytes().replace(b"XTENSION", b"XTENSIQN"))
        with (
            pytest.warns(DustestWarning, match="more bytes behind its last extension"),
            pytest.raises(ReadError, match=r"the extension 1 .* is of no known type"),
        ):
            check_contents(path)


class TestChecksums:
    def sealed(self, path):
        hdu = fits.BinTableHDU(Table({"id": [1, 2], "flux": [1.0, 2.0]}), name="PHOT")
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, checksum=True)
        return path

    def test_intact(self, tmp_path):
        check_contents(self.sealed(tmp_path / "a.fits"))

    def test_data(self, tmp_path):
        path = self.sealed(tmp_path / "a.fits")
        path.write_bytes(path.read_bytes().replace(np.array(2.0, ">f8").tobytes(), bytes(8)))
        with pytest.warns(DustestWarning, match="the data of the extension PHOT .* checksum"):
            check_contents(path)

    def test_header(self, tmp_path):
        path = self.sealed(tmp_path / "a.fits")
        path.write_bytes(path.read_bytes().replace(b"'flux    '", b"'flix    '"))
        with pytest.warns(DustestWarning, match="the header of the extension PHOT .* checksum"):
            check_contents(path)
