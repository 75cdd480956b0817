import pytest

from dustest.doctor import package_checks
from dustest.doctor.package_checks import check_packages

REQUIRED = {
    "dustest": [
        "numpy>=2.2",
        "tomli>=2; python_version < '3.0'",
        "bagpipes>=1.3; extra == 'sed'",
        "dustest[sed]; extra == 'all'",
        "tensorflow>=2.21; extra == 'cnn'",
        "tensorflow-cpu>=2.21; extra == 'cnn-cpu'",
        "pytest>=8; extra == 'test'",
    ],
    "bagpipes": ["numpy<3", "spectres"],
}


@pytest.fixture
def packages(monkeypatch):
    """Installs packages: versions by name."""
    found = {"dustest": "0.2", "numpy": "2.4", "bagpipes": "1.3.6", "spectres": "2.2"}
    monkeypatch.setattr(package_checks, "installed_version", lambda name: found.get(name, ""))
    monkeypatch.setattr(package_checks, "requires", REQUIRED.get)
    extras = {"Provides-Extra": ["all", "sed", "cnn", "cnn-cpu", "test"]}
    of_dustest = type("Metadata", (), {"get_all": staticmethod(extras.get)})
    monkeypatch.setattr(package_checks, "metadata", lambda name: of_dustest)
    return found


def finding(name):
    """The only finding on a package."""
    (found,) = [one for one in check_packages() if one.subject == name]
    return found


class TestPackages:
    def test_all_is_well(self, packages):
        packages["tensorflow-cpu"] = "2.21.0"
        found = check_packages()
        expected = ["dustest", "numpy", "bagpipes", "tensorflow-cpu"]
        assert [one.subject for one in found] == expected
        assert [one.state for one in found] == [packages[name] for name in expected]
        assert all(one.healthy for one in found)

    def test_missing(self, packages):
        del packages["numpy"], packages["bagpipes"]
        assert finding("numpy").detail == 'pip install "dustest"'
        assert not finding("numpy").healthy
        assert finding("bagpipes").state == "missing"
        assert finding("bagpipes").detail == 'pip install "dustest[sed]"'
        assert finding("bagpipes").healthy

    def test_too_old(self, packages):
        packages["bagpipes"] = "1.2"
        old = finding("bagpipes")
        assert (old.state, old.healthy) == ("1.2", False)
        assert old.detail == 'dustest[sed] needs >=1.3: pip install "bagpipes>=1.3"'

    def test_newer_than_another_package_allows(self, packages):
        packages["numpy"] = "3.0"
        clash = finding("bagpipes")
        assert not clash.healthy
        assert clash.detail == 'needs numpy <3, which is 3.0: pip install "numpy<3"'

    def test_two_packages_with_one_folder(self, packages):
        packages |= {"tensorflow": "2.21.0", "tensorflow-cpu": "2.21.0"}
        both = finding("tensorflow and tensorflow-cpu")
        assert not both.healthy
        assert "pip uninstall tensorflow tensorflow-cpu" in both.detail

    def test_without_installation(self, packages):
        del packages["dustest"]
        (only,) = check_packages()
        assert (only.state, only.healthy) == ("not installed", False)
