"""Figures of a benchmark: printed as JSON, and written where `-o` says."""

import argparse
import json
from pathlib import Path
from typing import Any


def figures_parser(about: str | None, **counts: int) -> argparse.ArgumentParser:
    """A command line with `counts` by their defaults and `-o FILE`; `about` is a module's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    for name, default in counts.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("-o", "--output", type=Path, help="also write the figures there")
    return parser


def show(figures: dict[str, Any], output: Path | None) -> None:
    """Print the figures, and write them to `output`."""
    text = json.dumps(figures, indent=2)
    print(text)
    if output:
        output.write_text(text + "\n")
