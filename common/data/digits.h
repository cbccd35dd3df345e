// The built-in data set: UCI optical handwritten digits, 1,797 images of 8 x 8 pixels, 10 classes
// (E. Alpaydin, C. Kaynak, CC BY 4.0; common/data/digits/README.txt).
#pragma once

#include "common/data/dataset.h"

namespace fedqat {

// A code is 15 times the file's value 0..16. 360 samples are the test part, the other 1,437 the
// training part: within each class a fixed random fifth, the same for every run and every seed.
// Both parts keep the order of the file.
DataSplit load_digits();

}  // namespace fedqat
