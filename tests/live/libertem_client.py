"""Reads one series by libertem-dectris, which shares no line with ours, and writes it as a file.

Run by test_independent_client.py in its own process: python libertem_client.py ADDRESS OUT.npy ROWS COLUMNS
"""

import sys
import tempfile
from pathlib import Path

import libertem_dectris
import numpy as np


def main(address: str, out: str, rows: str, columns: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = str(Path(folder) / "socket")
        connection = libertem_dectris.DectrisConnection(
            uri=address,
            frame_stack_size=4,
            handle_path=handle,
            num_slots=64,
            bytes_per_frame=2 * 4 * int(rows) * int(columns) + 1024,
            huge=False,
        )
        connection.start_passive()
        print("listening", flush=True)
        armed = connection.wait_for_arm(timeout=20.0)
        assert armed is not None
        config, series = armed
        client = libertem_dectris.CamClient(connection.get_socket_path())
        taken = []
        while (stack := connection.get_next_stack(max_size=4)) is not None:
            frames = np.zeros((len(stack), int(rows), int(columns)), stack.get_dtype_string())
            client.decode_range_into_buffer(stack, frames, 0, len(stack))
            client.done(stack)
            taken.append(frames)
        np.save(out, np.concatenate(taken))
        print(series, config.get_num_frames(), flush=True)
        client.close()
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
