"""Change one token of the code at a time, and list the changes that no test notices.

Run with ``python tools/find_unnoticed_mutants.py`` in a checkout in which the tests pass. Of all
operators, comparisons and constants in the code of the folders it draws ``--number`` with the seed
``--seed``. It changes them one by one, each in a copy of the checkout, and runs the tests that
mirror the changed file and the examples in its docstrings until the first one fails. It prints
the share of the mutants that a test noticed, and the others as ``file:line: old -> new``, with the
reason where ``tools/equivalent_mutants.txt`` explains why no test can notice them.

Docstrings, ``__all__``, annotations, the text of messages and arguments that do not change a
result (``frozen``, ``maxsize``, ``stacklevel``, ``strict``) are left alone. Results are kept in
``build/mutants.jsonl``: a second run repeats only the mutants of which the code or the tests
changed.
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("dustest/data", "dustest/io", "dustest/validation")
EXPLANATIONS = "tools/equivalent_mutants.txt"
RESULTS = "build/mutants.jsonl"
LOG = "find_unnoticed_mutants.log"
NOT_COPIED = (".*", "__pycache__", "build", "_build", "gallery", "*.egg-info")

# Tests besides the mirrors, where a file is used.
TESTS = {
    "dustest/data/containers/conversion.py": ("tests/data/containers/test_sample.py",),
    "dustest/data/checks/sample_columns.py": ("tests/data/containers/test_conversion.py",),
    "dustest/data/checks/images.py": ("tests/data/containers/test_sample.py",),
    "dustest/data/checks/pairing.py": ("tests/validation/test_matching.py",),
    "dustest/data/containers/rows.py": (
        "tests/data/containers/test_sample.py",
        "tests/data/containers/test_results.py",
    ),
    "dustest/io/_catalog/flux_units.py": ("tests/io/test_tables.py",),
    "dustest/io/_formats/containers.py": ("tests/io/test_tables.py",),
    "dustest/io/_formats/readers.py": ("tests/io/test_tables.py",),
    "dustest/io/_formats/text.py": ("tests/io/test_tables.py",),
}

# Packages that the tests load anyway: once for all mutants. None of them starts threads.
PRELOADED = (
    "astropy.io.ascii",
    "astropy.io.fits",
    "astropy.io.votable",
    "astropy.nddata",
    "astropy.table",
    "astropy.wcs",
    "hypothesis.strategies",
    "numpy",
    "pandas",
    "pytest",
    "scipy.interpolate",
    "scipy.stats",
)

COMPARISONS = {
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
}
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
SIGNS = {ast.Not: ("not", ""), ast.USub: ("-", "+"), ast.Invert: ("~", "")}
WITHOUT_RESULT = {"frozen", "maxsize", "stacklevel", "strict"}
MESSAGES = {"msg", "message", "__all__"}


@dataclass(frozen=True)
class Place:
    """A token and what may replace it; start and stop count bytes."""

    file: str
    line: int
    start: int
    stop: int
    old: str
    choices: tuple


@dataclass(frozen=True, order=True)
class Mutant:
    """A file with one token changed, and the tests that should notice."""

    file: str
    line: int
    start: int
    stop: int
    old: str
    new: str
    code: str
    tests: tuple

    def __str__(self):
        return f"{self.file}:{self.line}: {self.change}"

    @property
    def change(self):
        """Old and new token."""
        return f"{self.old} -> {self.new or 'nothing'}"

    def apply(self, source):
        """Source in bytes with the token changed."""
        return source[: self.start] + self.new.encode() + source[self.stop :]

    def key(self, root):
        """Identifier that changes with the code and with its tests."""
        digest = hashlib.sha256(f"{self.start} {self.new}".encode())
        for name in (self.file, *self.tests):
            digest.update((root / name).read_bytes())
        return digest.hexdigest()[:20]


class Finder(ast.NodeVisitor):
    """Places of one file.

    Parameters
    ----------
    file : str
        Name of the file, for the places.
    source : bytes
        Its text.
    """

    def __init__(self, file, source):
        self.file, self.source, self.places = file, source, []
        self.starts = [0, *(match.end() for match in re.finditer(b"\n", source))]
        self.visit(ast.parse(source))

    def visit_BinOp(self, node):
        """Note an arithmetic operator."""
        old, new = OPERATORS.get(type(node.op), (None, None))
        if old:
            self._between(node.left, node.right, re.escape(old), (new,))
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        """Note an arithmetic operator, unless it makes a message longer."""
        if isinstance(node.target, ast.Name) and node.target.id in MESSAGES:
            return
        old, new = OPERATORS.get(type(node.op), (None, None))
        if old:
            self._between(node.target, node.value, re.escape(f"{old}="), (f"{new}=",))
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        """Note `and` and `or`."""
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, old, (new,))
        self.generic_visit(node)

    def visit_Compare(self, node):
        """Note comparisons."""
        operands = [node.left, *node.comparators]
        for left, kind, right in zip(operands, node.ops, operands[1:], strict=False):
            self._between(left, right, *COMPARISONS[type(kind)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        """Note `not`, a minus and a tilde."""
        old, new = SIGNS.get(type(node.op), (None, None))
        if old:
            start = self._start(node)
            self._add(start, start + len(old), (new,))
        self.generic_visit(node)

    def visit_Constant(self, node):
        """Note a constant that is neither None nor a sentence."""
        choices = _other_constants(node.value)
        start, stop = self._start(node), self._stop(node)
        if choices and b"\n" not in self.source[start:stop]:
            self._add(start, stop, choices)

    def visit_JoinedStr(self, node):
        """Skip what is formatted: the text of messages."""

    def visit_Raise(self, node):
        """Skip errors."""

    def visit_Expr(self, node):
        """Skip docstrings."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node):
        """Skip messages and the list of public names."""
        if not any(isinstance(item, ast.Name) and item.id in MESSAGES for item in node.targets):
            self.generic_visit(node)

    def visit_AnnAssign(self, node):
        """Skip the annotation."""
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node):
        """Skip the annotation of an argument."""

    def visit_FunctionDef(self, node):
        """Skip the annotation of what is returned."""
        for item in (*node.decorator_list, node.args, *node.body):
            self.visit(item)

    def visit_If(self, node):
        """Skip imports for annotations."""
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Call(self, node):
        """Skip warnings."""
        if getattr(node.func, "attr", None) != "warn":
            self.generic_visit(node)

    def visit_keyword(self, node):
        """Skip arguments that do not change a result."""
        if node.arg not in WITHOUT_RESULT:
            self.generic_visit(node)

    def _start(self, node):
        return self.starts[node.lineno - 1] + node.col_offset

    def _stop(self, node):
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def _between(self, left, right, pattern, choices):
        """Note an operator between two operands, where parentheses and comments may be too."""
        stop = self._stop(left)
        gap = self.source[stop : self._start(right)]
        gap = re.sub(rb"#[^\n]*", lambda comment: b" " * len(comment[0]), gap)
        found = re.search(pattern.encode(), gap)
        self._add(stop + found.start(), stop + found.end(), choices)

    def _add(self, start, stop, choices):
        """Note a place."""
        line = self.source.count(b"\n", 0, start) + 1
        old = self.source[start:stop].decode()
        self.places.append(Place(self.file, line, start, stop, old, choices))


def _other_constants(value):
    """Source of constants that may replace one."""
    if isinstance(value, bool):
        return (str(not value),)
    if isinstance(value, int):
        return (str(value + 1), str(value - 1)) if value else ("1",)
    if isinstance(value, float):
        return (repr(2.0 * value), repr(0.5 * value)) if value else ("1.0",)
    if isinstance(value, str) and not re.search(r"\s", value):
        return (repr(("y" if value[:1] == "x" else "x") + value[1:]),)
    return ()


def find_tests(root, file):
    """Name the tests of a file, and the file itself for the examples in its docstrings.

    Parameters
    ----------
    root : pathlib.Path
        Root of the checkout.
    file : str
        The file, relative to the root.

    Returns
    -------
    tuple of str
        Existing files, relative to the root: the mirror of the file, what `TESTS` adds, and for
        a private module also the mirrors of the modules of its folder that import it.
    """
    mirrors = [_mirror(name) for name in (file, *_users(root, file))]
    names = dict.fromkeys([*mirrors, *TESTS.get(file, ()), file])
    return tuple(name for name in names if (root / name).is_file())


def _public_folder(file):
    """Folder of a file, without private ones."""
    folder = Path(file).parent
    names = [name.startswith("_") for name in folder.parts]
    return Path(*folder.parts[: names.index(True)]) if True in names else folder


def _mirror(file):
    """Name of the test that mirrors a file."""
    folder = _public_folder(file).parts[1:]
    return Path("tests", *folder, f"test_{Path(file).stem.strip('_')}.py").as_posix()


def _users(root, file):
    """Modules that import a private one, directly or through others, in its public folder."""
    path, folder = Path(file), _public_folder(file)
    if folder == path.parent and not re.match(r"_[a-z]", path.stem):
        return []
    name = ".".join(path.with_suffix("").parts)
    imported = re.compile(rf"\b{re.escape(name)}\b")
    users = [
        other.relative_to(root).as_posix()
        for other in sorted((root / folder).rglob("*.py"))
        if other != root / path and imported.search(other.read_text(encoding="utf-8"))
    ]
    return [*users, *(name for user in users for name in _users(root, user))]


def find_mutants(root, folders, number, seed):
    """Draw mutants.

    Parameters
    ----------
    root : pathlib.Path
        Root of the checkout.
    folders : sequence of str
        Folders or files, relative to the root.
    number : int
        How many at most.
    seed : int
        Of the draw.

    Returns
    -------
    list of Mutant
        In the order of files and lines.
    """
    files = [file for name in folders for file in _python_files(root, name)]
    mutants = [mutant for file in files for mutant in _mutants(root, file, seed)]
    chosen = sorted(mutants)[:number]
    return sorted((mutant for _, mutant in chosen), key=lambda mutant: (mutant.file, mutant.start))


def _python_files(root, name):
    """Python files of a folder or the file itself, relative to the root."""
    path = root / name
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [file.relative_to(root).as_posix() for file in files]


def _mutants(root, file, seed):
    """One mutant of each place of a file, behind a random number by which they are drawn.

    The number depends on the line of code only, so that a change elsewhere changes no draw.
    """
    source, tests, count = (root / file).read_bytes(), find_tests(root, file), Counter()
    mutants = []
    for place in Finder(file, source).places:
        code = source.decode().split("\n")[place.line - 1].strip()
        count[code, place.old] += 1
        rng = random.Random(f"{seed} {file} {code} {place.old} {count[code, place.old]}")  # noqa: S311
        new = rng.choice(place.choices)
        mutant = Mutant(file, place.line, place.start, place.stop, place.old, new, code, tests)
        mutants.append((rng.random(), mutant))
    return mutants


def prepare(root, folder, packages):
    """Make the current process ready to run tests: a copy of the checkout and loaded packages.

    Parameters
    ----------
    root : pathlib.Path
        Root of the checkout.
    folder : str
        Folder of all copies.
    packages : sequence of str
        What to load.
    """
    copy = Path(folder, str(os.getpid()))
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    os.environ.update(PYTHONPATH=str(copy), CI="true", OPENBLAS_NUM_THREADS="1")
    os.environ.setdefault("DUSTEST_TEST_DATA", str(root.parent / "shared" / "data"))
    for name in packages:
        with suppress(ImportError):
            import_module(name)


def notice(mutant, limit):
    """Run the tests of a mutant in the current folder.

    Parameters
    ----------
    mutant : Mutant
        What to change.
    limit : float
        Seconds after which a mutant counts as noticed, since it made the tests slower.

    Returns
    -------
    noticed : bool
        Whether a test failed.
    seconds : float
        How long it took.
    """
    path, start = Path(mutant.file), time.monotonic()
    original = path.read_bytes()
    path.write_bytes(mutant.apply(original))
    _delete_bytecode(path)
    try:
        noticed = fails(mutant.tests, limit)
    finally:
        path.write_bytes(original)
        _delete_bytecode(path)
    return noticed, time.monotonic() - start


def _delete_bytecode(path):
    """Delete the bytecode of a file, of which Python checks only size and second of the source."""
    for bytecode in path.parent.glob(f"__pycache__/{path.stem}.*"):
        bytecode.unlink()


def fails(tests, limit):
    """Whether a test fails in the current folder, or does not end in time.

    Parameters
    ----------
    tests : sequence of str
        Files of tests.
    limit : float
        Seconds.

    Returns
    -------
    bool
        True where one fails.
    """
    child = multiprocessing.get_context("fork").Process(target=_run_tests, args=(tests,))
    child.start()
    child.join(limit)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.join()
    return child.exitcode != 0


def _run_tests(tests):
    """Run tests in this process until the first one fails; write what they say into a file."""
    import pytest

    os.setsid()
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    # Hypothesis, loaded before pytest, cannot be rewritten by it.
    ignored = "ignore::pytest.PytestAssertRewriteWarning"
    options = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-W", ignored)
    code = pytest.main([*options, *tests], plugins=[NoShrinking()])
    os._exit(code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED})


class NoShrinking:
    """Plug-in for pytest: hypothesis does not look for a simpler example once it has one."""

    def pytest_sessionstart(self):
        """Change the profile that the tests have chosen."""
        try:
            from hypothesis import Phase, settings
        except ImportError:
            return
        settings.register_profile("mutants", settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutants")


def check_tests(pool, mutants, limit):
    """Raise where tests fail without a mutant.

    Parameters
    ----------
    pool : concurrent.futures.Executor
        Prepared processes.
    mutants : list of Mutant
        Those of which the tests are run.
    limit : float
        Seconds for the tests of one file.
    """
    files = sorted({test for mutant in mutants for test in mutant.tests})
    runs = {pool.submit(_what_fails, (test,), limit): test for test in files}
    failures = ""
    for count, run in enumerate(as_completed(runs), 1):
        sys.stderr.write(f"without a mutant [{count}/{len(runs)}] {runs[run]}\n")
        failures += run.result()
    if failures:
        sys.exit(f"tests fail without a mutant:\n{failures}")


def _what_fails(tests, limit):
    """What pytest says of tests that fail; nothing where they pass."""
    return Path(LOG).read_text(encoding="utf-8") if fails(tests, limit) else ""


def try_mutants(root, mutants, processes, limit):
    """Find out which mutants are noticed.

    Parameters
    ----------
    root : pathlib.Path
        Root of the checkout.
    mutants : list of Mutant
        What to try.
    processes : int
        How many at once.
    limit : float
        Seconds for one mutant.

    Returns
    -------
    dict of Mutant to bool
        Whether each is noticed.
    """
    store = root / RESULTS
    known = _read_results(store)
    keys = {mutant: mutant.key(root) for mutant in mutants}
    new = [mutant for mutant in mutants if keys[mutant] not in known]
    if new:
        packages = PRELOADED if root == ROOT else ("hypothesis", "pytest")
        with (
            tempfile.TemporaryDirectory() as folder,
            ProcessPoolExecutor(
                processes, multiprocessing.get_context("spawn"), prepare, (root, folder, packages)
            ) as pool,
        ):
            check_tests(pool, new, limit)
            runs = {pool.submit(notice, mutant, limit): mutant for mutant in new}
            for count, run in enumerate(as_completed(runs), 1):
                (noticed, seconds), mutant = run.result(), runs[run]
                known[keys[mutant]] = noticed
                _keep_result(store, keys[mutant], noticed)
                word = "noticed" if noticed else "NOT NOTICED"
                sys.stderr.write(f"[{count}/{len(new)}] {mutant}: {word} ({seconds:.1f} s)\n")
    return {mutant: known[keys[mutant]] for mutant in mutants}


def _read_results(store):
    """Results of earlier runs by key."""
    if not store.exists():
        return {}
    rows = [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]
    return {row["key"]: row["noticed"] for row in rows}


def _keep_result(store, key, noticed):
    """Add a result."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"key": key, "noticed": noticed}) + "\n")


def read_explanations(path):
    """Read why some mutants cannot be noticed.

    Parameters
    ----------
    path : pathlib.Path
        Blocks of three lines, with an empty line between them: the file, the line of code with
        ``: old -> new`` behind it, and the reason.

    Returns
    -------
    dict of str to str
        Reasons by the first two lines.
    """
    if not path.exists():
        return {}
    blocks = [block for block in path.read_text(encoding="utf-8").split("\n\n") if block.strip()]
    return {"\n".join(lines[:2]): lines[2] for lines in map(str.splitlines, blocks)}


def summarise(results, explanations):
    """Write what was found.

    Parameters
    ----------
    results : dict of Mutant to bool
        Whether each mutant is noticed.
    explanations : dict of str to str
        See `read_explanations`.

    Returns
    -------
    str
        The share noticed, and a list of all others.
    """
    reasons = {
        mutant: explanations.get(f"{mutant.file}\n{mutant.code}: {mutant.change}")
        for mutant, noticed in results.items()
        if not noticed
    }
    n_explained = sum(reason is not None for reason in reasons.values())
    n_noticed, share = len(results) - len(reasons), 100.0 / max(len(results), 1)
    found = f"{n_noticed} of {len(results)} mutants noticed ({share * n_noticed:.1f} %)"
    lines = [f"{found}, {n_explained} of the others explained"]
    for mutant, reason in reasons.items():
        lines += [str(mutant), f"    {mutant.code}", f"    {reason or 'not explained'}"]
    return "\n".join(lines) + "\n"


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=FOLDERS, help="what to change")
    parser.add_argument("--number", type=int, default=200, help="number of mutants")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draw")
    parser.add_argument("--processes", type=int, default=2, help="mutants at once")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a mutant")
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the checkout")
    options = parser.parse_args()
    root = options.root.resolve()
    mutants = find_mutants(root, options.folders, options.number, options.seed)
    results = try_mutants(root, mutants, options.processes, options.limit)
    sys.stdout.write(summarise(results, read_explanations(root / EXPLANATIONS)))


if __name__ == "__main__":
    main()
