"""Records of `quality.py` as tables."""

from typing import Any

HEAD = ("", "CPU-s", "amplitude SSIM", "phase SSIM", "phase PSNR, dB", "nrmse")
HEAD += ("in chunks of 24", "single frame", "ms/frame", "parameters")


def markdown(records: list[dict[str, Any]]) -> str:
    """One table per data set, best image first."""
    parts = []
    for name in sorted({record["set"] for record in records}):
        rows = [row(r) for r in sorted((r for r in records if r["set"] == name), key=_nrmse)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (HEAD, ("---",) * len(HEAD), *rows)]
        parts.append(f"### {name}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def row(record: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one run."""
    scores = record["scores"]
    whole = scores["whole"]
    rest = [f"{scores[mode]['nrmse']:.3f}" if mode in scores else "-" for mode in ("chunks of 24", "single")]
    return (
        record["name"],
        f"{record['budget_s']:g}",
        f"{whole['amplitude_ssim']:.3f}",
        f"{whole['phase_ssim']:.3f}",
        f"{whole['phase_psnr_db']:.1f}",
        f"{whole['nrmse']:.4f}",
        *rest,
        f"{whole['cpu_ms_per_frame']:.1f}",
        f"{record['parameters']:,}",
    )


def _nrmse(record: dict[str, Any]) -> float:
    return float(record["scores"]["whole"]["nrmse"])
