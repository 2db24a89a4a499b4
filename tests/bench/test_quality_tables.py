"""Tables of quality: which records make which row, what is claimed of them, and the methods in them."""

import math
from pathlib import Path

import numpy as np
import pytest

from optics import make_scan

pytest.importorskip("lightning")
pytest.importorskip("onnx")

from quality.data_sets import chunks, join_chunks
from quality.grid_tables import grid_table, optimiser_table, what_was_run
from quality.method_tables import (
    METRICS,
    MODES,
    compared_groups,
    equal_cost_table,
    inference_table,
    short_number,
    verdicts,
)
from quality.records import add_record, change_records, find_record, rate_key, read_records
from quality.solvers import project as by_canvas
from quality.training_grid import (
    MINUTES,
    OPTIMISERS,
    Cell,
    cell_of_run,
    grid,
    is_stale,
    optimisers,
    parameters,
)

from ptychoscope.train import project as by_torch
from ptychoscope.train.data.datamodule import resolve_defaults


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("modes", [1, 2])
@pytest.mark.parametrize("passes", [1, 4])
def test_both_projections_are_the_same(
    rng: np.random.Generator, momentum: float, modes: int, passes: int
) -> None:
    scan = make_scan(rng, modes=modes)
    ours = by_canvas(scan, passes=passes, momentum=momentum > 0)
    torchs = by_torch(scan, passes=passes, momentum=momentum)
    y, x = np.subtract(torchs.origin_px, ours.origin_px)
    height, width = torchs.object.shape
    covered = torchs.coverage > 1e-3 * torchs.coverage.max()
    assert np.abs(ours.object[y : y + height, x : x + width] - torchs.object)[covered].max() <= 2e-3


@pytest.mark.parametrize("frames", [1, 5, 36, 40])
def test_chunks_hold_every_frame_once_and_join_to_the_scan(rng: np.random.Generator, frames: int) -> None:
    scan = make_scan(rng)
    parts = chunks(scan, frames)
    assert np.array_equal(np.concatenate([part.positions_px for part in parts]), scan.positions_px)
    whole = by_canvas(scan, passes=1)
    image = join_chunks([by_canvas(part, passes=1) for part in parts], scan)
    covered = whole.coverage > 1e-3 * whole.coverage.max()
    assert image.object.shape == whole.object.shape
    np.testing.assert_allclose(image.object[covered], whole.object[covered], rtol=1e-3)


def scores_of(nrmse: float, better: float = 0.5) -> dict[str, float]:
    return dict.fromkeys(METRICS, better) | {"nrmse": nrmse}


def method(name: str, nrmse: float, per_s: float, **modes: float) -> dict:
    scores = {"whole": scores_of(nrmse)} | {mode: scores_of(value) for mode, value in modes.items()}
    return {"network": name, "set": "mix", "minutes": 0.0, "seed": 0, "scores": scores,
            "frames_per_s": per_s, "chunk_frames_per_s": per_s / 2, "parameters": 0}  # fmt: skip


def training(network: str, nrmse: float, *, better: float = 0.6, **fields: object) -> dict:
    loss, head = ("mae", "amplitude_phase") if network == "pinn_cnn" else ("poisson", "real_imag")
    reads = "amplitude" if network == "pinn_cnn" else "backprojection"
    recipe = "predecessor" if network == "pinn_cnn" else "default"
    cell = {"network": network, "input": reads, "loss": loss, "head": head, "set": "mix", "minutes": 2.0,
            "recipe": recipe, "seed": 0} | fields  # fmt: skip
    scores = {"whole": scores_of(nrmse, better)}
    if network == "unrolled":
        scores |= {mode: scores_of(nrmse) for mode in ("chunks", "chunks of 48", "chunks of 96", "single")}
    made = Cell(**cell).config().to_dict()
    facts = {"frames_per_s": 100.0, "parameters": parameters(Cell(**cell)), "config": made}
    return cell | {"scores": scores} | facts


def test_a_network_is_shown_with_the_budget_of_the_most_seeds() -> None:
    records = [
        training("unrolled", 0.5),
        *(training("unrolled", 0.1 * k, minutes=1.8333, seed=k) for k in range(1, 4)),
        training("unrolled", 0.4, minutes=10.0),
        training("unrolled", 0.3, recipe="adamw"),
        training("pinn_cnn", 0.9, minutes=1.0),
        training("pinn_cnn", 0.8, minutes=4.0),
    ]
    shown = {
        group[0]["network"]: [r["scores"]["whole"]["nrmse"] for r in group]
        for group in compared_groups(records, "mix")
    }
    assert shown == {"unrolled": pytest.approx([0.1, 0.2, 0.3]), "pinn_cnn": [0.8]}
    row = next(line for line in inference_table(records, "mix").splitlines() if "unrolled" in line)
    assert "**unrolled**, 3 seeds | 110 |" in row
    assert row.count(".200 ± .100") == len(MODES)


@pytest.mark.parametrize(("better", "nrmse", "said"), [
    (0.6, 0.1, "in every score of the table."),
    (0.5, 0.1, "in every score of the table but amplitude SSIM, phase SSIM,"),
    (0.6, 0.2, "in every score of the table but nrmse, whole scan, nrmse, 24,"),
])  # fmt: skip
def test_nothing_is_claimed_that_the_scores_do_not_show(better: float, nrmse: float, said: str) -> None:
    records = [training("pinn_cnn", 0.2, better=0.5), training("fast", nrmse, better=better)]
    assert verdicts(records, "mix")[0].startswith(f"`fast` beats the predecessor's recipe {said}")


def test_rivals_are_those_that_cost_no_more() -> None:
    records = [
        method("dear", 0.01, 99.0, chunks=0.01, single=0.01),
        method("cheap", 0.02, 300.0, chunks=0.03, single=0.04),
        method("bad", 0.05, 1000.0, chunks=0.06),
        training("unrolled", 0.025),
    ]
    rows = equal_cost_table(records, "mix").splitlines()[2:]
    assert rows == [
        "| whole scan | unrolled | .025 | .020 | cheap |",
        "| chunks of 24 | unrolled | .025 | .030 | cheap |",
        "| chunks of 48 | unrolled | .025 |  | none |",
        "| chunks of 96 | unrolled | .025 |  | none |",
        "| single frames | unrolled | .025 | .040 | cheap |",
    ]


def test_projections_after_a_network_have_rows_and_rivals_of_their_own() -> None:
    after = {"scores": {mode: scores_of(0.015) for mode in MODES if mode != "single"}, "frames_per_s": 90.0}
    network = training("unrolled", 0.025) | {"projected": {"10": after | {"chunk_frames_per_s": 90.0}}}
    records = [method("dear", 0.01, 95.0), method("cheap", 0.02, 300.0), network]
    rows = [row for row in equal_cost_table(records, "mix").splitlines() if row.startswith("| whole")]
    assert rows == [
        "| whole scan | unrolled | .025 | .020 | cheap |",
        "| whole scan | unrolled, 10 projections | .015 | .010 | dear |",
    ]
    shown = [row for row in inference_table(records, "mix").splitlines() if "unrolled" in row]
    assert len(shown) == 2
    assert shown[1].startswith("| **unrolled, 10 projections** | 120 | 11.11 |")
    assert shown[1].endswith("| .015 | .015 | .015 | .015 |  |")


def test_optimisers_and_grid_do_not_mix() -> None:
    records = [training("fast", 0.1 + 0.1 * k, recipe=recipe) for k, recipe in enumerate(OPTIMISERS)]
    rows = optimiser_table(records).splitlines()[2:]
    assert [row.split("|")[7].strip() for row in rows] == [".100", ".200", ".300", ".400"]
    assert len(grid_table(records, "mix").splitlines()) == 3
    assert (
        f"1 of {sum(len(grid(s, m, shipped=False)) for s in ('mix', 'star') for m in MINUTES)} cells"
        in what_was_run(records)
    )


def test_optimisers_are_what_their_names_say() -> None:
    seen = {c.recipe: (c.config().optimizer, c.config().ema > 0) for c in optimisers("mix", 2.0)}
    assert seen == {
        "default": ("muon", True), "no average": ("muon", False),
        "adamw": ("adamw", True), "adamw, no average": ("adamw", False),
    }  # fmt: skip


@pytest.mark.parametrize("network", ["fast", "unrolled", "pinn_cnn"])
def test_a_record_is_stale_when_a_default_has_changed(rng: np.random.Generator, network: str) -> None:
    record = training(network, 0.1)
    assert not is_stale(record)
    bright = make_scan(rng, modes=1)
    cell = Cell(**{name: record[name] for name in Cell.__dataclass_fields__})
    by_data = resolve_defaults(cell.config(), [bright]).to_dict()
    assert is_stale(record | {"config": by_data | {"learning_rate": 1.0}})
    assert is_stale(record | {"config": by_data | {"group_size": 5}})
    assert is_stale(record | {"parameters": record["parameters"] - 9})


@pytest.mark.parametrize("budget_s", [60.0, 110.0, 240.0])
def test_a_run_of_the_product_is_a_cell_with_its_budget(budget_s: float) -> None:
    made = Cell("unrolled", "backprojection", "poisson", "real_imag", "mix", 1.0, seed=2).config().to_dict()
    cell = cell_of_run(made | {"max_cpu_time_s": budget_s, "input": None}, "mix")
    assert (cell.config().max_cpu_time_s, cell.seed, cell.input) == (budget_s, 2, "backprojection")


def test_rates_are_kept_apart_by_what_costs_time() -> None:
    one, more = training("unrolled", 0.1) | {"passes": 4}, training("unrolled", 0.1) | {"passes": 6}
    assert rate_key(one) != rate_key(more)
    assert rate_key(one) == rate_key(one | {"minutes": 5.0, "loss": "mae"})
    assert rate_key(method("a", 0.1, 1.0)) != rate_key(method("a", 0.1, 1.0) | {"set": "star"})


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0204, 3, ".020"), (-0.5, 1, "-.5"), (12.34, 1, "12.3"), (10.0, 2, "10.00"), (math.nan, 3, "")],
)
def test_numbers_without_their_zero(value: float, digits: int, text: str) -> None:
    assert short_number(value, digits) == text


def test_a_record_takes_the_place_of_the_one_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "records.json"
    assert read_records(path) == []
    for nrmse in (0.1, 0.2):
        add_record(path, {"network": "a", "seed": 0}, {"nrmse": nrmse})
    add_record(path, {"network": "b", "seed": 0}, {"nrmse": 0.1234567})
    change_records(path, lambda record: record | {"seen": True})
    found = read_records(path)
    assert [record["network"] for record in found] == ["a", "b"]
    assert find_record(found, {"network": "a"})["nrmse"] == 0.2
    assert find_record(found, {"network": "b"}) == {"network": "b", "seed": 0, "nrmse": 0.12346, "seen": True}
    assert len(path.read_text().splitlines()) == 2 + len(found)
