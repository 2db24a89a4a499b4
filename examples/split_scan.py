"""Split a scan in two along x: train on one side, test on the other.

python examples/split_scan.py scan.npz left.npz right.npz --fraction 0.6
"""

import argparse

import numpy as np

import ptychoscope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan")
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument(
        "--fraction", type=float, default=0.6, help="share of the scanned width that goes left"
    )
    args = parser.parse_args()

    scan = ptychoscope.load_scan(args.scan)
    x = scan.positions_px[:, 1]
    edge = x.min() + args.fraction * np.ptp(x)
    ptychoscope.save_scan(scan.select(x < edge), args.left)
    ptychoscope.save_scan(scan.select(x >= edge), args.right)
    print(f"{(x < edge).sum()} frames left of x = {edge:.1f} px, {(x >= edge).sum()} right of it")


if __name__ == "__main__":
    main()
