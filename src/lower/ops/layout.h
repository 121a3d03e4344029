// How elements are laid out: what the view, index, scatter, sort and join families share.
#pragma once

#include <cstdint>
#include <vector>

#include "lower/context.h"

namespace modelexport::lower {

using Dims = std::vector<program::Dim>;
// Stands in the sizes given to reshape_dims for the one that follows from the others.
inline constexpr program::Dim kInferred{.value = 0, .expr = program::kStatic - 1};

[[nodiscard]] std::vector<int64_t> iota(int64_t n);
[[nodiscard]] std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& permutation);
// The permutation that moves axes `from` to the places `to` and keeps the order of the others.
[[nodiscard]] std::vector<int64_t> moving(int64_t rank, const std::vector<int64_t>& from,
                                          const std::vector<int64_t>& to);
[[nodiscard]] bool is_one(const program::Dim& dim);
[[nodiscard]] bool is_empty(const Dims& dims);  // some size is the number 0
// What broadcasting gives, by torch's rule.
[[nodiscard]] Dims broadcast(const std::vector<Dims>& shapes);

// 0, 1, ..., n-1 as int64[n].
V range(Builder& b, const Size& n);
// An int64 constant of any rank.
V index_constant(Builder& b, std::vector<int64_t> sizes, const std::vector<int64_t>& values);
V flatten(Builder& b, V x);                          // to rank 1
V swap_last_two(Builder& b, V x);                    // matrices [..., m, n] to [..., n, m]
V identity(Builder& b, const Size& n, DType dtype);  // the matrix [n, n]
// x along `axis` of a tensor of rank `rank`: [n] becomes [1, .., n, .., 1], without the leading ones.
V along_axis(Builder& b, V x, int64_t axis, int64_t rank);
// x with sizes `from` regrouped to sizes `to`. The shape is a constant when at most one size has to be inferred.
V reshape_dims(Context& c, V x, const Dims& from, const Dims& to);
// x with sizes `from` broadcast to sizes `to`.
V expand_dims(Context& c, V x, const Dims& from, const Dims& to);
// The slice of `axis` at `index`, without that axis.
V select_at(Context& c, V x, const program::Dim& extent, int64_t axis, const Size& index);
// Whether any element along `axes` is true, for a bool x; false where there is none.
V any_of(Builder& b, V x, const std::vector<int64_t>& axes);
// How many elements along `axis` are true.
V count_true(Builder& b, V x, int64_t axis, DType dtype = DType::Int64);
// The recorded sizes of every tensor of a list argument.
[[nodiscard]] std::vector<Dims> dims_of_list(const Context& c, std::string_view name);

}  // namespace modelexport::lower
