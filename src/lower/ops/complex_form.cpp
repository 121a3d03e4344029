#include "lower/ops/complex_form.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lower/ops/complex_functions.h"
#include "lower/ops/complex_math.h"
#include "lower/ops/families.h"
#include "lower/view_layout.h"

namespace modelexport::lower {

namespace {

// Operators that move elements, choose among them or add them up: what they do with a real tensor they do with the
// real and the imaginary part of a complex one.
const std::unordered_set<std::string_view>& linear_operators() {
  static const std::unordered_set<std::string_view> names = {
      // the same elements
      "_assert_tensor_metadata", "alias", "clone", "contiguous", "copy", "detach", "detach_copy", "dropout", "lift",
      "lift_fresh", "lift_fresh_copy", "positive", "resolve_conj", "resolve_neg", "data", "pin_memory",
      // seen under other sizes
      "_reshape_alias", "_unsafe_view", "adaptive_avg_pool1d", "as_strided", "atleast_1d", "atleast_2d", "atleast_3d",
      "broadcast_tensors", "broadcast_to", "chunk", "column_stack", "diag_embed", "diagonal", "diag", "dsplit",
      "expand", "expand_as", "flatten", "flip", "fliplr", "flipud", "hsplit", "linalg_diagonal", "mT", "moveaxis",
      "movedim", "narrow", "numpy_T", "permute", "ravel", "reshape", "reshape_as", "rot90", "select", "slice", "split",
      "split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "tensor_split", "transpose", "unbind", "unflatten",
      "unfold", "unsafe_chunk", "unsafe_split", "unsqueeze", "view", "view_as", "vsplit",
      // joined, repeated, rearranged
      "block_diag", "cat", "concat", "concatenate", "constant_pad_nd", "dstack", "hstack", "pad", "repeat",
      "repeat_interleave", "roll", "row_stack", "stack", "tile", "tril", "triu", "vstack", "meshgrid", "fft_fftshift",
      "fft_ifftshift",
      // chosen and written
      "as_strided_scatter", "diagonal_scatter", "embedding", "gather", "index", "index_add", "index_copy", "index_fill",
      "index_put", "_unsafe_index", "_unsafe_index_put", "index_select", "masked_fill", "masked_scatter",
      "masked_select", "put", "scatter", "scatter_add", "select_scatter", "slice_scatter", "take", "take_along_dim",
      "where",
      // made
      "empty", "empty_like", "empty_strided", "fill", "full", "full_like", "new_empty", "new_empty_strided", "new_full",
      "new_zeros", "scalar_tensor", "zeros", "zeros_like", "zero",
      // added up
      "cumsum", "diff", "mean", "nansum", "neg", "negative", "sum", "sum_to_size", "trace"};
  return names;
}

// Operators that are linear in each of two arguments, and the names of these. Both items of a list where the names are
// the same.
struct Factors {
  std::string_view first;
  std::string_view second;
};

const std::unordered_map<std::string_view, Factors>& bilinear_operators() {
  static const std::unordered_map<std::string_view, Factors> table = {
      {"matmul", {"self", "other"}},
      {"mm", {"self", "mat2"}},
      {"bmm", {"self", "mat2"}},
      {"mv", {"self", "vec"}},
      {"dot", {"self", "tensor"}},
      {"inner", {"self", "other"}},
      {"outer", {"self", "vec2"}},
      {"ger", {"self", "vec2"}},
      {"kron", {"self", "other"}},
      {"linalg_matmul", {"self", "other"}},
      {"tensordot", {"self", "other"}},
      {"addmm", {"mat1", "mat2"}},
      {"addbmm", {"batch1", "batch2"}},
      {"baddbmm", {"batch1", "batch2"}},
      {"addmv", {"mat", "vec"}},
      {"addr", {"vec1", "vec2"}},
      {"linear", {"input", "weight"}},
      {"conv1d", {"input", "weight"}},
      {"conv2d", {"input", "weight"}},
      {"conv3d", {"input", "weight"}},
      {"convolution", {"input", "weight"}},
      {"einsum", {"tensors", "tensors"}},
      {"linalg_cross", {"self", "other"}},
  };
  return table;
}

// Operators that see no more of a complex number than how large it is.
const std::unordered_set<std::string_view>& operators_on_magnitudes() {
  static const std::unordered_set<std::string_view> names = {"all",
                                                             "any",
                                                             "argwhere",
                                                             "count_nonzero",
                                                             "frobenius_norm",
                                                             "linalg_norm",
                                                             "linalg_vector_norm",
                                                             "logical_and",
                                                             "logical_not",
                                                             "logical_or",
                                                             "logical_xor",
                                                             "nonzero",
                                                             "nonzero_numpy",
                                                             "norm"};
  return names;
}

// Tests that hold for a complex number when they hold for both parts, or for either.
const std::unordered_map<std::string_view, const char*>& tests() {
  static const std::unordered_map<std::string_view, const char*> table = {
      {"eq", "And"}, {"isfinite", "And"}, {"ne", "Or"}, {"not_equal", "Or"}, {"isnan", "Or"}, {"isinf", "Or"}};
  return table;
}

// Real results have no second part.
Values interleaved(const Context& c, const Values& re, const Values& im) {
  Values values;
  for (std::size_t i = 0; i < re.size(); ++i) {
    values.push_back(re[i]);
    if (i >= c.n_outputs() || is_complex(c.out(i).dtype)) values.push_back(im[i]);
  }
  return values;
}

Values each_part(Context& c, Lowering real) {
  Context re = c.seeing(Part::Real);
  Context im = c.seeing(Part::Imaginary);
  return interleaved(c, real(re), real(im));
}

// (a + ib)(c + id) = (ac - bd) + i(ad + bc). What is added to the product goes with one of its two terms.
Values bilinear(Context& c, Lowering real, const Factors& factors) {
  const bool of_list = factors.first == factors.second;
  const auto is_complex_factor = [&](std::string_view name, std::size_t item) {
    if (!of_list) return c.has_complex(name);
    const auto* list = c.node.find(name)->as<program::Arguments>();
    return is_complex(c.recorded(list->at(item)).dtype);
  };
  if (of_list) {
    const std::size_t count = c.node.find(factors.first)->as<program::Arguments>()->size();
    if (count == 1) return each_part(c, real);
    if (count > 2) c.unsupported("the product of more than two complex tensors");
  }
  const auto term = [&](Part rest, Part first, Part second) {
    Context seen =
        c.seeing(rest, {{factors.first, first, of_list ? 0 : -1}, {factors.second, second, of_list ? 1 : -1}});
    return real(seen).front();
  };
  if (!is_complex_factor(factors.first, 0)) {
    return {term(Part::Real, Part::Real, Part::Real), term(Part::Imaginary, Part::Real, Part::Imaginary)};
  }
  if (!is_complex_factor(factors.second, 1)) {
    return {term(Part::Real, Part::Real, Part::Real), term(Part::Imaginary, Part::Imaginary, Part::Real)};
  }
  return {c.b.sub(term(Part::Real, Part::Real, Part::Real), term(Part::Zero, Part::Imaginary, Part::Imaginary)),
          c.b.add(term(Part::Imaginary, Part::Real, Part::Imaginary), term(Part::Zero, Part::Imaginary, Part::Real))};
}

Values tested(Context& c, Lowering real, const char* join) {
  Context re = c.seeing(Part::Real);
  Context im = c.seeing(Part::Imaginary);
  return {c.b.op(join, {real(re).front(), real(im).front()})};
}

// Rows that are written for complex numbers in the first place.
bool is_row_for_complex(std::string_view target) {
  static const std::unordered_set<std::string> targets = [] {
    std::unordered_set<std::string> names;
    for (const Family& family : {complex_ops(), fourier_ops()}) {
      for (const Row& row : family) {
        const std::string_view schema = row.schema;
        names.emplace(schema.substr(0, schema.find('(')));
      }
    }
    return names;
  }();
  return targets.contains(std::string(target));
}

}  // namespace

bool computes_with_complex(const program::Graph& graph, const program::Node& node) {
  const auto is_complex_value = [&](program::ValueId id) { return is_complex(graph.values[id].dtype); };
  const auto refers = [&](const auto& self, const program::Argument& argument) -> bool {
    if (const auto* reference = argument.as<program::ValueRef>()) return is_complex_value(reference->id);
    const auto* list = argument.as<program::Arguments>();
    return list != nullptr && std::ranges::any_of(*list, [&](const auto& item) { return self(self, item); });
  };
  return std::ranges::any_of(node.outputs, is_complex_value) ||
         std::ranges::any_of(node.args, [&](const auto& argument) { return refers(refers, argument.value); });
}

Values lower_complex(Context& c, Lowering real) {
  // Control flow takes and gives both parts, whatever they are.
  if (c.node.target.starts_with("higher_order::") || is_row_for_complex(c.node.target)) return real(c);
  const std::string_view name = aten_name(c.node);
  if (const Lowering own = complex_function(name)) return own(c);
  if (linear_operators().contains(name)) return each_part(c, real);
  if (const auto found = bilinear_operators().find(name); found != bilinear_operators().end()) {
    return bilinear(c, real, found->second);
  }
  if (operators_on_magnitudes().contains(name)) {
    Context sizes = c.seeing(Part::Magnitude);
    return real(sizes);
  }
  if (const auto found = tests().find(name); found != tests().end()) return tested(c, real, found->second);
  c.unsupported("its form on complex numbers is not known");
}

}  // namespace modelexport::lower
