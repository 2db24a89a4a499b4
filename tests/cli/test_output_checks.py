"""No command writes over what it reads, or two things to one name; it says so before it begins."""

import os
import shlex
from pathlib import Path

import click
import pytest

from ptychoscope import cli
from ptychoscope.cli.bench import BENCHMARKS
from ptychoscope.cli.output_checks import check_outputs, run_files
from ptychoscope.errors import OutputError

READ = {
    "scan.npz": {
        "run: scan": "run {read} -m bundle -o {write}",
        "run: scan, picture": "run {read} -m bundle -o new.h5 --picture {write}",
        "draw: result": "draw {read} -o {write}",
        "train: scan": "train other.npz {read} -o {write}",
        "train: --test": "train other.npz --test {read} -o {write}",
        "export: --scan": "export trained --scan {read} -o {write}",
        "adopt: --scan": "adopt graph.onnx --scan {read} -o {write}",
        "live: --probe": "live --source dectris://127.0.0.1:9 --probe {read} -o {write}",
        "bench quality: training": "bench quality {read} other.npz -o {write}",
        "bench quality: test": "bench quality other.npz {read} -o {write}",
    },
    "bundle/model.onnx": {
        "run: file of the model": "run scan.npz -m bundle -o {write}",
    },
    "graph.onnx": {
        "run: file that the model links to": "run scan.npz -m linking -o {write}",
        "adopt: graph": "adopt {read} --scan scan.npz --domain counts -o {write}",
        "reprocess: capture": "reprocess {read} -o {write}",
    },
    "trained": {
        "train: --start, run": "train scan.npz --start {read} -o {write} --resume",
        "train: --start, file": "train scan.npz --start trained/checkpoints/best.ckpt -o {write}",
        "export: run": "export {read} -o {write}",
    },
    "trained/checkpoints": {
        "export: file": "export trained/checkpoints/best.ckpt -o {write}",
    },
    "bundle": {
        "export: --scan in a bundle": "export trained --scan bundle/scan.npz -o {write}",
        "adopt: graph in a bundle": "adopt bundle/model.onnx --scan scan.npz -o {write}",
    },
}
"""By the path that they read, by this or another name, and write, by this or another name: command lines.
Folders have no hard links."""
LINES = {name: (line, path) for path, lines in READ.items() for name, line in lines.items()}


def _made(path, link):
    link(Path(path).resolve() if link is os.symlink else path, "alias")
    return "alias"


def _in_linked_folder(path):
    os.symlink(Path(path).resolve().parent, "there")
    return f"there/{Path(path).name}"


ALIASES = {
    "same": lambda path: path,
    "dotted": lambda path: f"./empty/../{path}",
    "absolute": lambda path: str(Path(path).resolve()),
    "link": lambda path: _made(path, os.symlink),
    "link in a folder": _in_linked_folder,
    "hard link": lambda path: _made(path, os.link),
}

ONCE = {
    "the picture is the result": ("run scan.npz -m bundle -o o.h5 --picture ./o.h5", "--picture ... o.h5"),
    "its own picture": ("run scan.npz -m bundle -o o.png", "--picture ... o.png"),
    "their case differs": ("run scan.npz -m bundle -o o.h5 --picture O.H5", "--picture ... O.H5"),
    "the picture is in the result": ("run scan.npz -m bundle -o o.h5 --picture o.h5/a", "lies in"),
    "beside the result lies the scan": ("run picture.png -m bundle -o picture.h5", "picture.png"),
    "the result in the model": ("run scan.npz -m bundle -o bundle/new.h5", "--model bundle ... place"),
    "the result in a link": ("run scan.npz -m bundle -o linked/new.h5", "--model bundle ... place"),
    "the result is the model": ("run scan.npz -m bundle -o bundle", "--model bundle"),
    "no name": ("run scan.npz -m bundle --picture . -o o.h5", "--picture ... give it a name"),
    "the result in a folder of the model": ("run scan.npz -m bundle -o bundle/", "bundle/scan.h5 ... place"),
    "the start": ("run scan.npz --start start.h5 -o start.h5", "--start start.h5 ... another name"),
    "a result of a series": ("series a/scan.h5 -o a", "the scan a/scan.h5"),
    "the model in a series": ("series scan.npz -m bundle -o bundle", "--model bundle"),
    "a scan becomes another": ("run a/scan.npz a/scan.h5 -o a/", "a/scan.npz ... a/scan.h5 would both"),
    "a scan in its folder": ("run a/scan.h5 -o a/", "replace the scan a/scan.h5"),
    "the picture of another": ("run a/scan.png scan2.npz -o a/", "replace the scan a/scan.png"),
    "a link to nothing": ("run scan.npz -m bundle -o o.h5 --picture dangling", "dangling ... o.h5"),
    "the scan in the runs": ("bench quality q/seed-1/scan.npz other.npz -o q", "q/seed-1"),
}
"""A command line, and words of what is said of it."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of every kind; none can be read as what it is, so whatever begins to work fails otherwise."""
    monkeypatch.chdir(tmp_path)
    for name in (
        *("scan.npz", "other.npz", "graph.onnx", "picture.png", "q/seed-1/scan.npz"),
        *("bundle/model.json", "bundle/model.onnx", "bundle/scan.npz", "linking/model.json"),
        *("trained/config.json", "trained/training.json", "trained/checkpoints/best.ckpt"),
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("empty").mkdir()
    Path("linking/model.onnx").symlink_to(tmp_path / "graph.onnx")
    Path("linked").symlink_to("bundle")
    Path("dangling").symlink_to("o.h5")
    return tmp_path


def refused(line, capsys):
    """What the command says; nothing was touched."""
    before = everything()
    with pytest.raises(SystemExit) as end:
        cli.main(shlex.split(line))
    captured = capsys.readouterr()
    assert (end.value.code, captured.out) == (2, ""), captured.err
    assert everything() == before
    return captured.err


def everything():
    found = {}
    for path in sorted(Path().rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (status.st_ino, status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.mark.parametrize(
    ("name", "alias"),
    [(name, alias) for name, (_, path) in LINES.items() for alias in ALIASES
     if alias != "hard link" or Path(path).suffix],
)  # fmt: skip
def test_an_input_is_never_an_output(folder, capsys, name, alias):
    line, path = LINES[name]
    other = ALIASES[alias](path)
    said = {refused(line.format(read=path, write=other), capsys)}
    said |= {refused(line.format(read=other, write=path), capsys)} if "{read}" in line else set()
    for text in said:
        assert text.startswith("Error: --")
        assert " give --" in text
        assert "another" in text


@pytest.mark.parametrize("name", ONCE)
def test_other_collisions_are_named(folder, capsys, name):
    line, words = ONCE[name]
    text = refused(line, capsys)
    for part in words.split(" ... "):
        assert part in text


def test_every_command_with_an_output_is_in_the_table():
    """`simulate` reads nothing; its files are tested beside it, and the folder of `series` above."""
    app, context = cli.build_app(), click.Context(cli.build_app())
    bench = app.get_command(context, "bench")
    commands = {name: app.get_command(context, name) for name in cli.COMMANDS if name != "bench"}
    commands |= {f"bench {name}": bench.get_command(context, name) for name in BENCHMARKS}
    writing = {name for name, one in commands.items() if any(p.name == "output" for p in one.params)}
    assert writing == {name.partition(":")[0] for name in LINES} | {"series", "simulate"}


def test_what_does_not_collide_is_let_through(folder):
    check_outputs([("scan", Path("scan.npz")), ("model", None)], [("-o", Path("scan.np")), ("-p", None)])
    check_outputs([("scan", Path("scan.npz"))], [("-o", Path("SCAN.NPZ.h5")), ("-p", Path("picture.png"))])
    check_outputs([("run", file) for file in run_files(Path("trained"))], [("-o", Path("trained/bundle"))])
    check_outputs([("scan", Path("absent/x"))], [("-o", Path("absent/y"))])
    with pytest.raises(OutputError, match="holds"):
        check_outputs([("run", file) for file in run_files(Path("trained"))], [("-o", Path("trained"))])
