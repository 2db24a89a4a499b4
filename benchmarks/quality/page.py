"""Records as docs/quality.md."""

from quality.grid_tables import grid_table, optimiser_table, star_table, what_was_run
from quality.method_tables import equal_cost_table, inference_table, verdicts
from quality.records import Record

_TOP = """# Quality and cost

Made by `PYTHONPATH=benchmarks python -m quality page` from [quality.json](quality.json), a record of every
training that was run. One thread of an AMD EPYC (Zen 5, AVX-512 with bf16); CPU time; one seed unless said:
differences under .005 nrmse are noise. Every network was exported and run without torch, patches as it gives
them (`run` also solves their constant phases); "projections" are those of `run --projections`. Scores are
defined in [metrics](metrics.md); no phase ramp is removed. Times are from counts to the image, per frame of
64 x 64; pty-chi's set-up is not counted.

`mix`: simulated, trained on 2304 frames, scored on 576 frames of an object never seen, at 1e6 or 1e4
photons per frame. `star`: real frames of a Siemens star, trained on the left 60 %, scored by phase on the
right 40 %; its reference is an iterative reconstruction whose probe was found from all frames, and which
agrees with another one from unbinned frames to a phase SSIM of only .64, so small differences there mean
little.

Projection: the networks' own physics without a network, parallel modulus projections merged by the probe's
intensity, run by the product's C++ transforms and canvas. `refine`: its C++ solver. pty-chi: LSQML, batches
of 64, set up as `ptychoscope bench refine --peer` says. Predecessor's recipe: its layout (`pinn_cnn`)
written anew, raw amplitude in, amplitude/phase heads, MAE, groups of four, on the same frames; after 4
minutes it is still flat.
"""

_CHOICE = """## Which is the default

`fast` is the default: it needs no neighbours, a minute of training is enough for it, and nothing in the grid
that runs as fast has a smaller error. `unrolled` is for the image: no network has a smaller error, and in
chunks of 24 to 96 bright frames no method without a network at no more CPU time. With ten projections after
it, that also holds at 1e4 photons, in chunks and on the whole scan. Where all bright frames of a dense scan
with a known probe are at hand, the projection with momentum and `refine` have as little error for less.

![Error after training; error against rate, whole scans and chunks; the star](quality.svg)

The grey line joins what nothing else beats in rate and quality together; numbers without a unit are passes
of the projection or epochs of pty-chi, those with a plus are projections after the network.
"""

_TITLES = {
    "mix": "Simulated, 1e6 photons",
    "1e4": "Simulated, 1e4 photons",
    "star": "Siemens star, real",
}


def page(records: list[Record]) -> str:
    """The page: what inference buys, the defaults, optimisers, the grid, what was run."""
    parts = [_TOP]
    for data_set in ("mix", "1e4"):
        parts += [f"## {_TITLES[data_set]}: at equal inference", inference_table(records, data_set)]
        parts += [" ".join(verdicts(records, data_set)), equal_cost_table(records, data_set)]
    parts += [_CHOICE, optimiser_table(records)]
    parts += [f"## {_TITLES['star']}: networks as they ship, and methods without one", star_table(records)]
    for data_set in ("mix", "star"):
        parts += [
            f"## {_TITLES[data_set]}: every network, input, loss and head",
            grid_table(records, data_set),
        ]
    return "\n\n".join(part.strip() for part in (*parts, what_was_run(records)) if part) + "\n"
