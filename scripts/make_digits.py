#!/usr/bin/env python3
"""Makes common/data/digits/*.gz from digits8x8.csv.gz (64 pixels 0..16 and the class in a row).

usage: make_digits.py digits8x8.csv.gz common/data/digits
The same table ships with Debian's python3-sklearn as sklearn/datasets/data/digits.csv.gz.
"""
import gzip
import struct
import sys
from pathlib import Path


def write_idx(path, dims, values):
    header = struct.pack(">HBB", 0, 8, len(dims)) + struct.pack(f">{len(dims)}I", *dims)
    with open(path, "wb") as file:
        # No name and no time in the header: the same input gives the same bytes.
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(header + bytes(values))


def main():
    source, folder = sys.argv[1], Path(sys.argv[2])
    with gzip.open(source, "rt") as file:
        rows = [[int(float(v)) for v in line.split(",")] for line in file]
    assert len(rows) == 1797 and all(len(row) == 65 for row in rows)
    assert all(0 <= v <= 16 for row in rows for v in row)
    write_idx(folder / "digits-images-idx3-ubyte.gz", (len(rows), 8, 8), [v for r in rows for v in r[:64]])
    write_idx(folder / "digits-labels-idx1-ubyte.gz", (len(rows),), [r[64] for r in rows])


main()
