#include "lower/ops/layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace modelexport::lower {

std::vector<int64_t> iota(int64_t n) {
  std::vector<int64_t> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& permutation) {
  std::vector<int64_t> inverse(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i) inverse[permutation[i]] = static_cast<int64_t>(i);
  return inverse;
}

std::vector<int64_t> moving(int64_t rank, const std::vector<int64_t>& from, const std::vector<int64_t>& to) {
  std::vector<int64_t> permutation(static_cast<std::size_t>(rank), -1);
  for (std::size_t i = 0; i < from.size(); ++i) permutation[to[i]] = from[i];
  int64_t next = 0;
  for (int64_t& axis : permutation) {
    if (axis >= 0) continue;
    while (std::ranges::find(from, next) != from.end()) ++next;
    axis = next++;
  }
  return permutation;
}

bool is_one(const program::Dim& dim) { return dim.is_static() && dim.value == 1; }

bool is_empty(const Dims& dims) {
  return std::ranges::any_of(dims, [](const program::Dim& dim) { return dim.is_static() && dim.value == 0; });
}

Dims broadcast(const std::vector<Dims>& shapes) {
  std::size_t rank = 0;
  for (const Dims& shape : shapes) rank = std::max(rank, shape.size());
  Dims result(rank, program::Dim{.value = 1});
  for (const Dims& shape : shapes) {
    const std::size_t offset = rank - shape.size();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (!is_one(shape[i])) result[offset + i] = shape[i];
    }
  }
  return result;
}

V range(Builder& b, const Size& n) {
  constexpr int64_t kLargestConstant = 1 << 16;
  if (n.is_static() && n.value <= kLargestConstant) return b.ints(iota(n.value));
  return b.op("Range", {b.scalar_int(0), b.as_scalar(n), b.scalar_int(1)});
}

V index_constant(Builder& b, std::vector<int64_t> sizes, const std::vector<int64_t>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(int64_t));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return b.constant(make_tensor(DType::Int64, std::move(sizes), std::move(bytes)));
}

V flatten(Builder& b, V x) {
  if (b.rank(x) == 1) return x;
  return b.reshape(x, {-1});
}

V swap_last_two(Builder& b, V x) {
  const int64_t rank = *b.rank(x);
  return b.transpose(x, moving(rank, {rank - 1}, {rank - 2}));
}

V identity(Builder& b, const Size& n, DType dtype) {
  const V rows = range(b, n);
  return b.cast(b.op("Equal", {b.unsqueeze(rows, {1}), rows}), dtype);
}

V along_axis(Builder& b, V x, int64_t axis, int64_t rank) {
  std::vector<int64_t> ones;
  for (int64_t i = axis + 1; i < rank; ++i) ones.push_back(i - axis);
  return b.unsqueeze(x, ones);
}

V reshape_dims(Context& c, V x, const Dims& from, const Dims& to) {
  if (from == to) return x;
  if (is_empty(to)) return c.b.reshape(x, c.sizes_of(to));

  const auto is_copied = [&](std::size_t i) { return !to[i].is_static() && i < from.size() && from[i] == to[i]; };
  // The one inferred size is, where there is a choice, one that the input does not have: it would cost arithmetic.
  std::size_t inferred = to.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_static() || is_copied(i)) continue;
    const bool known = std::ranges::find(from, to[i]) != from.end();
    if (inferred == to.size() || !known) inferred = i;
  }

  Sizes shape;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_static()) {
      shape.emplace_back(to[i].value);
    } else if (i == inferred) {
      shape.emplace_back(-1);
    } else if (is_copied(i)) {
      shape.emplace_back(0);
    } else {
      shape.push_back(c.size_of(to[i]));
    }
  }
  return c.b.reshape_to(x, c.b.shape_tensor(shape));
}

V expand_dims(Context& c, V x, const Dims& from, const Dims& to) {
  if (from == to) return x;
  const std::size_t offset = to.size() - from.size();
  Sizes shape;
  bool only_new_ones = true;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool kept = i >= offset && from[i - offset] == to[i];
    if (!kept && !is_one(to[i])) only_new_ones = false;
    // Expand keeps the input's size where the shape says 1.
    shape.push_back(kept && !to[i].is_static() ? Size(1) : c.size_of(to[i]));
  }
  if (only_new_ones) return c.b.unsqueeze(x, iota(static_cast<int64_t>(offset)));
  return c.b.op("Expand", {x, c.b.shape_tensor(shape)});
}

V select_at(Context& c, V x, const program::Dim& extent, int64_t axis, const Size& index) {
  if (is_one(extent)) return c.b.squeeze(x, {axis});
  return c.b.gather(x, c.b.as_scalar(index), axis);
}

V any_of(Builder& b, V x, const std::vector<int64_t>& axes) {
  if (axes.empty()) return x;
  return b.cast(b.reduce("ReduceSum", b.cast(x, DType::Int32), axes, false), DType::Bool);
}

V count_true(Builder& b, V x, int64_t axis, DType dtype) {
  return b.reduce("ReduceSum", b.cast(x, dtype), {axis}, false);
}

std::vector<Dims> dims_of_list(const Context& c, std::string_view name) {
  std::vector<Dims> shapes;
  const program::Argument* argument = c.node.find(name);
  for (const program::Argument& tensor : *argument->as<program::Arguments>()) {
    shapes.push_back(tensor.is_none() ? Dims{} : c.recorded(tensor).sizes);
  }
  return shapes;
}

}  // namespace modelexport::lower
