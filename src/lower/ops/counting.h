// Counting elements: searchsorted, bucketize, bincount, histc, one_hot, isin. Each compares every element with every
// bound, which is small and fast for the numbers of bounds that models use.
#pragma once

#include "lower/ops/layout.h"

namespace modelexport::lower {

Values lower_searchsorted(Context& c);
Values lower_bucketize(Context& c);
Values lower_bincount(Context& c);
Values lower_histc(Context& c);
Values lower_one_hot(Context& c);
// isin(elements, test_elements), the elements a tensor or one number.
Values lower_isin_in(Context& c, std::string_view elements);
Values lower_isin_scalar(Context& c);

template <bool is_tensor>
Values lower_isin(Context& c) {
  return lower_isin_in(c, is_tensor ? "elements" : "element");
}

}  // namespace modelexport::lower
