"""A C++ program finds the installed library, and only what is public of it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "cpp"  # kept, so that only the first run compiles the library

pytestmark = pytest.mark.slow


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def cmake(*arguments: str | Path) -> str:
    done = subprocess.run([tool("cmake"), *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(source: Path, build: Path, **options: str | Path) -> None:
    words = [f"-D{name}={value}" for name, value in options.items()]
    cmake("-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", *words)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    configure(ROOT, BUILD, PTYCHOSCOPE_PYTHON="OFF", PTYCHOSCOPE_CUDA="OFF")
    cmake("--build", BUILD)
    prefix = tmp_path_factory.mktemp("prefix")
    cmake("--install", BUILD, "--prefix", prefix)
    return prefix


def test_only_the_public_part_is_installed(prefix: Path) -> None:
    installed = {path.relative_to(prefix) for path in prefix.rglob("*") if path.is_file()}
    public = {path.relative_to(ROOT / "csrc") for path in (ROOT / "csrc" / "include").rglob("*.h")}
    assert {path for path in installed if path.suffix == ".h"} == public
    assert {path.name for path in installed if path.suffix in (".a", ".so")} == {"libptychoscope.a"}


def test_the_example_builds_against_it_and_runs(prefix: Path, tmp_path: Path) -> None:
    configure(ROOT / "examples" / "cpp", tmp_path, CMAKE_PREFIX_PATH=prefix)
    cmake("--build", tmp_path)
    done = subprocess.run([tmp_path / "stitch_patches"], capture_output=True, text=True, check=True)
    # Centres 40 + 8.5 i and 45 + 8.5 j, i, j = 0 .. 9; between pixels cubic leaves the outermost pixels out.
    assert done.stdout.startswith("rows 8:147, columns 13:152, modulus 1.0000, slope 0.0200 rad/px")


def test_another_version_is_refused(prefix: Path, tmp_path: Path) -> None:
    lines = (ROOT / "examples" / "cpp" / "CMakeLists.txt").read_text().replace("0.1", "0.99")
    (tmp_path / "CMakeLists.txt").write_text(lines)
    with pytest.raises(AssertionError, match=re.escape('compatible with requested version "0.99"')):
        configure(tmp_path, tmp_path / "build", CMAKE_PREFIX_PATH=prefix)
