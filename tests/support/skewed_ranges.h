// Clients whose values are spread very differently, and what a server's rule for one common grid
// costs them.
#pragma once

#include <vector>

#include "coordinator/scale_rule.h"

namespace fedqat::test {

// Mean over trials of (squared error with the rule's grid) / (that of the best grid for the values
// of all clients, found by search), for each rule. 10 clients of 4,000 Laplace values each, their
// widths log-normal with standard deviation `spread` of the logarithm.
std::vector<double> excess_error(const std::vector<ScaleRule>& rules, double spread, int bits,
                                 int trials);

}  // namespace fedqat::test
