"""What a result's record says of how it was made: the file it came from, when, and by what versions."""

import hashlib
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import open_regular

_PACKAGES = ("numpy", "h5py", "onnxruntime")


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with open_regular(path, ScanError) as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def made_how(command_line: str | None) -> dict[str, str]:
    """For a result's provenance: date in UTC, the command line, and the versions of what took part."""
    loaded = {name: sys.modules[name] for name in _PACKAGES if name in sys.modules}
    return {
        "date_utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({} if command_line is None else {"command_line": command_line}),
        "python": platform.python_version(),
        **{name: str(getattr(module, "__version__", "unknown")) for name, module in loaded.items()},
    }
