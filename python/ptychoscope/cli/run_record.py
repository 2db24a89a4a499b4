"""When, by what command and with which versions a result was made."""

import platform
import sys
from datetime import UTC, datetime

import click

_PACKAGES = ("numpy", "h5py", "onnxruntime")


def run_record() -> dict[str, str]:
    """For a result's provenance: date in UTC, the command line, and the versions of what took part."""
    line = click.get_current_context().find_root().obj
    loaded = {name: sys.modules[name] for name in _PACKAGES if name in sys.modules}
    return {
        "date_utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({"command_line": line} if isinstance(line, str) else {}),
        "python": platform.python_version(),
        **{name: str(getattr(module, "__version__", "unknown")) for name, module in loaded.items()},
    }
