"""Files of the formats that are read."""

from collections.abc import Callable
from typing import Any

import h5py
import pytest


@pytest.fixture
def h5(tmp_path) -> Callable[..., Any]:
    """Write an HDF5 file of arrays by path; (array, {attribute: value}) for one with attributes."""

    def write(name: str, content: dict[str, Any], /, **root: Any) -> Any:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            file.attrs.update(root)
            for key, given in content.items():
                value, attributes = given if isinstance(given, tuple) else (given, {})
                file[key] = value
                if attributes:
                    file[key].attrs.update(attributes)
        return path

    return write
