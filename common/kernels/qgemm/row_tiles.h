// How rows are shared out to tiles.
#pragma once

namespace fedqat::kernels {

// `all` rows as tiles of at most `most`, as even as can be, for a short tile is slow: two runs of
// tiles, the first of one row more.
struct RowTiles {
  struct Run {
    int tiles, rows;
  };
  RowTiles(int all, int most) {
    const int count = (all + most - 1) / most;
    runs[0] = {all % count, all / count + 1};
    runs[1] = {count - all % count, all / count};
  }
  Run runs[2];
};

}  // namespace fedqat::kernels
