"""A C++ program finds the installed library, static or shared, and only what is public of it."""

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "cpp"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
# Centres 40 + 8.5 i and 45 + 8.5 j, i, j = 0 .. 9; between pixels cubic leaves the outermost pixels out.
ANSWER = "rows 8:147, columns 13:152, modulus 1.0000, slope 0.0200 rad/px"

pytestmark = pytest.mark.slow


def find(name: str) -> str | None:
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def tool(*names: str) -> str:
    for name in names:
        if found := find(name):
            return found
    pytest.skip(f"no {' or '.join(names)} here")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(source: Path, build: Path, **options: str | Path) -> str:
    words = [f"-D{name}={value}" for name, value in options.items()]
    ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    return run(tool("cmake"), "-S", source, "-B", build, *ninja, *words)


@dataclass
class Package:
    kind: str
    prefix: Path
    log: str  # of CMake

    @property
    def library(self) -> Path:
        (found,) = self.prefix.rglob("libptychoscope.a" if self.kind == "static" else "libptychoscope.so")
        return found


@pytest.fixture(scope="module", params=["static", "shared"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """As a plain cmake makes it, in the build folders that .ci/cpp keeps."""
    shared = request.param == "shared"
    build = ROOT / "build" / ("cpp-shared" if shared else "cpp")
    compiler = tool("clang++", "g++", "c++") if shared else tool("g++", "c++")
    log = configure(
        ROOT, build, CMAKE_CXX_COMPILER=compiler, **({"BUILD_SHARED_LIBS": "ON"} if shared else {})
    )
    run(tool("cmake"), "--build", build)
    prefix = tmp_path_factory.mktemp(request.param)
    run(tool("cmake"), "--install", build, "--prefix", prefix)
    return Package(request.param, prefix, log)


def test_only_the_public_part_is_installed(package: Package) -> None:
    installed = {path.relative_to(package.prefix) for path in package.prefix.rglob("*") if path.is_file()}
    public = {path.relative_to(ROOT / "csrc") for path in (ROOT / "csrc" / "include").rglob("*.h")}
    assert {path for path in installed if path.suffix == ".h"} == public | {
        Path("include/ptychoscope/version.h")
    }
    minor = VERSION.rpartition(".")[0]
    libraries = {
        "static": {"libptychoscope.a"},
        "shared": {f"libptychoscope.so{end}" for end in ("", f".{minor}", f".{VERSION}")},
    }
    assert {path.name for path in installed if path.parent.name.startswith("lib")} == libraries[package.kind]
    others = {path.name for path in installed if path.suffix != ".h" and "ptychoscope.so" not in path.name}
    assert others - {"libptychoscope.a"} == {
        "LICENSE",
        "ptychoscope.pc",
        "ptychoscopeConfig.cmake",
        "ptychoscopeConfigVersion.cmake",
        "ptychoscopeTargets.cmake",
        "ptychoscopeTargets-release.cmake",
    }
    assert (package.prefix / "share/doc/ptychoscope/LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_example_builds_against_it_and_runs(package: Package, tmp_path: Path) -> None:
    """Without CUDA, which a plain build leaves out even where there is nvcc."""
    assert "CUDA kernels OFF" in package.log
    options = {
        "CMAKE_PREFIX_PATH": package.prefix,
        "CMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit": "ON",
        "CMAKE_CXX_FLAGS": "-Wall -Wextra -Werror",
    }
    configure(EXAMPLE, tmp_path, **options)
    run(tool("cmake"), "--build", tmp_path)
    assert run(tmp_path / "stitch_patches").startswith(ANSWER)


def flags_of(package_file: Path, *names: str) -> list[str]:
    """What pkg-config answers, by itself where it is installed."""
    if pkgconf := find("pkgconf") or find("pkg-config"):
        options = {"Cflags": "--cflags", "Libs": "--libs"}
        environment = {"PKG_CONFIG_PATH": str(package_file.parent), "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}
        command = [pkgconf, *(options[name] for name in names), package_file.stem]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.split()
    values = {"pcfiledir": str(package_file.parent)}
    for name, sign, value in re.findall(r"^(\w+)(=|: )(.*)$", package_file.read_text(), re.MULTILINE):
        expanded = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], value)
        values[name] = expanded if sign == "=" else expanded.strip()
    return [flag for name in names for flag in values[name].split()]


def test_pkg_config_builds_the_example_wherever_the_package_lies(package: Package, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(package.prefix, moved, symlinks=True)
    (package_file,) = moved.rglob("ptychoscope.pc")
    assert re.search(r"^prefix=\$\{pcfiledir\}(/\.\.)+$", package_file.read_text(), re.MULTILINE)
    flags = flags_of(package_file, "Cflags", "Libs")
    assert all(str(package.prefix) not in flag for flag in flags)
    program = tmp_path / "stitch_patches"
    rpath = f"-Wl,-rpath,{moved / package.library.relative_to(package.prefix).parent}"
    run(tool("g++", "c++"), "-std=c++17", EXAMPLE / "stitch_patches.cpp", *flags, rpath, "-o", program)
    assert run(program).startswith(ANSWER)


def test_the_version_is_the_same_everywhere(package: Package, tmp_path: Path) -> None:
    major, minor, patch = (int(part) for part in VERSION.split("."))
    source = tmp_path / "version.cpp"
    source.write_text(
        "#include <ptychoscope/version.h>\n#include <string_view>\n"
        f'static_assert(std::string_view(PTYCHOSCOPE_VERSION) == "{VERSION}");\n'
        f"static_assert(PTYCHOSCOPE_VERSION_NUMBER == {major * 1_000_000 + minor * 1_000 + patch});\n"
        f"static_assert(PTYCHOSCOPE_VERSION_MAJOR == {major} && PTYCHOSCOPE_VERSION_MINOR == {minor});\n"
        f"static_assert(PTYCHOSCOPE_VERSION_PATCH == {patch});\n"
    )
    run(tool("g++", "c++"), "-std=c++17", "-fsyntax-only", f"-I{package.prefix / 'include'}", source)
    (package_file,) = package.prefix.rglob("ptychoscope.pc")
    assert f"\nVersion: {VERSION}\n" in package_file.read_text()


def test_another_version_is_refused(package: Package, tmp_path: Path) -> None:
    lines = (EXAMPLE / "CMakeLists.txt").read_text().replace("0.1", "0.99")
    (tmp_path / "CMakeLists.txt").write_text(lines)
    with pytest.raises(AssertionError, match=re.escape('compatible with requested version "0.99"')):
        configure(tmp_path, tmp_path / "build", CMAKE_PREFIX_PATH=package.prefix)


def test_every_header_stands_alone_and_says_what_to_rely_on(package: Package) -> None:
    for header in sorted((package.prefix / "include" / "ptychoscope").glob("*.h")):
        command = [tool("g++", "c++"), "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
        run(*command, f"-I{package.prefix / 'include'}", "-x", "c++", "-include", header, "/dev/null")
        text = header.read_text()
        if "PTYCHOSCOPE_API " in text and header.stem != "export":
            assert "// Threads. " in text, header.name
            assert re.search(r"\bthrows\b", text, re.IGNORECASE), header.name
            assert "// ABI: none across minor versions" in text, header.name


@pytest.mark.parametrize("package", ["shared"], indirect=True)
def test_a_shared_library_shows_its_interface_alone(package: Package) -> None:
    symbols = run(tool("nm"), "-DC", "--defined-only", package.library)
    shown = set(re.findall(r" T ptychoscope::(\w+)", symbols))
    classes = {"Canvas", "CudaCanvas", "Fft2d", "FramePreprocessor", "PatchBatch", "Projector", "Refiner"}
    functions = {"active_isa", "available_isas", "decode_chunks", "isa_name", "fft2_windows", "solve_phases"}
    assert shown == classes | functions | {"copy_bandwidth", "cuda_architectures", "cuda_devices"}
    assert "ptychoscope::Canvas::add(" in symbols
    assert "::State::" not in symbols


def test_the_python_module_refuses_a_shared_library(tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match="The Python module holds the library: use PTYCHOSCOPE_PYTHON=OFF"
    ):
        configure(ROOT, tmp_path, BUILD_SHARED_LIBS="ON", PTYCHOSCOPE_PYTHON="ON")
