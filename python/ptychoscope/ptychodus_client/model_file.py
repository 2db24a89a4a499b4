"""A model as the one file that ptychodus opens and saves: a bundle in a zip, a checkpoint, or model.json.

A zip holds the files of a bundle as they are, uncompressed: it unpacks to no more than it is.
"""

import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ptychoscope.errors import BundleError, OutputError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.io.atomic import replacing
from ptychoscope.io.limits import open_regular
from ptychoscope.ptychodus_client.start_training import export_checkpoint

SUFFIX = ".zip"
CHECKPOINT = ".ckpt"
FILE_FILTER = f"Ptychoscope models (*{SUFFIX} *{CHECKPOINT} model.json)"
_MOST_FILES = 64


class ModelFile:
    """A model that was opened or trained; `bundle` is the folder that runs.

    What had to be unpacked or exported lies in a temporary folder that goes with the last reference.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises `BundleError`, and what an export of a checkpoint raises."""
        self.checkpoint = path if path.suffix == CHECKPOINT else None
        if path.name == "model.json" or path.is_dir():
            self.bundle = path.parent if path.name == "model.json" else path
        else:
            scratch = tempfile.mkdtemp(prefix="ptychoscope-")
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            self.bundle = Path(scratch) / path.stem
            if self.checkpoint is None:
                unpack(path, self.bundle)
            else:
                export_checkpoint(path, self.bundle)
        read_bundle(self.bundle)

    def save(self, path: Path) -> None:
        """Write the bundle as .zip, or the checkpoint that it came from as .ckpt; raises `OutputError`."""
        if path.suffix == SUFFIX:
            pack(self.bundle, path)
        elif path.suffix == CHECKPOINT and self.checkpoint is not None:
            with replacing(path) as partial:
                shutil.copyfile(self.checkpoint, partial)
        elif path.suffix == CHECKPOINT:
            raise OutputError(
                f"cannot write {path}: it was opened as a bundle, which holds no checkpoint; save it as "
                f"{path.with_suffix(SUFFIX).name}"
            )
        else:
            raise OutputError(f"cannot write {path}: name it with the ending {SUFFIX} (or {CHECKPOINT})")


def pack(bundle: Path, path: Path) -> None:
    """The files of `bundle` as a zip at `path`, whole or not at all; raises `OutputError`."""
    with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(bundle.iterdir()):
            if file.is_file():
                archive.write(file, file.name)


def unpack(path: Path, folder: Path) -> None:
    """The files of the zip `path` in the new `folder`; raises `BundleError` for what `pack` did not write."""
    with _opened(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        strange = [
            name for name in names if Path(name).name != name or name in ("", ".", "..") or "\\" in name
        ]
        if "model.json" not in names or strange or len(set(names)) < len(names) or len(names) > _MOST_FILES:
            raise BundleError(
                f"{path} is not a model of Ptychoscope (it holds {', '.join(names[:4]) or 'nothing'}): open "
                f"a {SUFFIX} that was saved here, a {CHECKPOINT}, or a bundle's model.json"
            )
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise BundleError(f"{path} is compressed, and a model's {SUFFIX} is not: save the model again")
        folder.mkdir()
        for member in members:
            with archive.open(member) as source, (folder / member.filename).open("xb") as target:
                shutil.copyfileobj(source, target)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip at `path`; what is wrong with it is a `BundleError`."""
    try:
        with open_regular(path, BundleError) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"{path} is damaged or no zip ({error}): copy it again, or save the model again"
        ) from error
