// Building blocks: small ONNX forms that choose the opset's spelling and leave out what would do nothing.
#include <algorithm>
#include <limits>
#include <numeric>

#include "lower/builder.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

bool is_identity(const std::vector<int64_t>& perm) {
  for (std::size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

// Whether a recorded dimension is known to be this size.
bool same(const onnx::Dim& dim, const Size& size) {
  if (size.is_static()) return dim.is_static() && dim.value == size.value;
  return !dim.is_static() && !dim.param.empty() && dim.param == size.param;
}

}  // namespace

V Builder::cast(V x, DType dtype) {
  if (this->dtype(x) == dtype) return x;
  return op("Cast", {x}, {{"to", dtype}});
}

// Reshape reads 0 as "copy this size of the input", so a size of zero needs allowzero, which cannot stand beside -1.
bool Builder::is_zero_free(V x, const Sizes& sizes) const {
  const auto has_zero = [](const auto& list) {
    return std::any_of(list.begin(), list.end(), [](const auto& s) { return s.is_static() && s.value == 0; });
  };
  return !has_zero(sizes) && !(value(x).shape && has_zero(*value(x).shape));
}

V Builder::reshape(V x, const Sizes& sizes) {
  const auto& shape = value(x).shape;
  if (shape && shape->size() == sizes.size() && std::equal(shape->begin(), shape->end(), sizes.begin(), same)) return x;
  if (!is_zero_free(x, sizes)) return op("Reshape", {x, shape_tensor(sizes)}, {{"allowzero", 1}});
  // Sizes equal to the input's are 0, one other runtime size is -1: most dynamic reshapes get a constant shape.
  std::vector<int64_t> target;
  int64_t inferred =
      std::count_if(sizes.begin(), sizes.end(), [](const Size& s) { return s.value == -1 && !s.runtime; });
  bool constant = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i].is_static()) {
      target.push_back(sizes[i].value);
    } else if (shape && i < shape->size() && same((*shape)[i], sizes[i])) {
      target.push_back(0);
    } else if (inferred == 0) {
      target.push_back(-1);
      ++inferred;
    } else {
      constant = false;
    }
  }
  if (constant) return op("Reshape", {x, ints(target)});
  return op("Reshape", {x, shape_tensor(sizes)}, opset_ >= 14 && inferred == 0 ? Attrs{{"allowzero", 1}} : Attrs{});
}

V Builder::reshape_to(V x, V shape) { return op("Reshape", {x, shape}); }

V Builder::transpose(V x, const std::vector<int64_t>& perm) {
  if (is_identity(perm)) return x;
  return op("Transpose", {x}, {{"perm", perm}});
}

V Builder::unsqueeze(V x, const std::vector<int64_t>& axes) {
  if (axes.empty()) return x;
  return op("Unsqueeze", {x, ints(axes)});
}

V Builder::squeeze(V x, const std::vector<int64_t>& axes) {
  if (axes.empty()) return x;
  return op("Squeeze", {x, ints(axes)});
}

V Builder::expand(V x, const Sizes& sizes) {
  const auto& shape = value(x).shape;
  if (shape && shape->size() == sizes.size() && std::equal(shape->begin(), shape->end(), sizes.begin(), same)) return x;
  // A size that the input has already is 1 here: Expand broadcasts both ways.
  Sizes target = sizes;
  for (std::size_t i = 0; shape && shape->size() <= sizes.size() && i < shape->size(); ++i) {
    const std::size_t at = sizes.size() - shape->size() + i;
    if (!sizes[at].is_static() && same((*shape)[i], sizes[at])) target[at] = Size(1);
  }
  return op("Expand", {x, shape_tensor(target)});
}

V Builder::slice(V x, int64_t axis, const Size& start, const Size& end, int64_t step) {
  const auto& shape = value(x).shape;
  if (start.is_static() && start.value == 0 && step == 1) {
    if (end.is_static() && end.value == std::numeric_limits<int64_t>::max()) return x;
    if (shape) {
      const onnx::Dim& dim = shape->at(static_cast<std::size_t>(axis));
      if (same(dim, end) || (dim.is_static() && end.is_static() && end.value >= dim.value)) return x;
    }
  }
  Values inputs{x, as_vector(start), as_vector(end), ints({axis})};
  if (step != 1) inputs.push_back(ints({step}));
  return op("Slice", std::move(inputs));
}

V Builder::gather(V x, V indices, int64_t axis) { return op("Gather", {x, indices}, {{"axis", axis}}); }

V Builder::concat(const Values& parts, int64_t axis) {
  if (parts.size() == 1) return parts.front();
  return op("Concat", parts, {{"axis", axis}});
}

Values Builder::split(V x, const std::vector<int64_t>& sizes, int64_t axis) {
  if (sizes.size() == 1) return {x};
  return ops("Split", {x, ints(sizes)}, sizes.size(), {{"axis", axis}});
}

V Builder::where(V condition, V a, V b) { return op("Where", {condition, a, b}); }

V Builder::reduce(std::string_view op_type, V x, const std::vector<int64_t>& axes, bool keepdims) {
  const bool axes_are_input = op_type == "ReduceSum" ? opset_ >= 13 : opset_ >= 18;
  Attrs attrs{{"keepdims", keepdims}};
  Values inputs{x};
  if (!axes.empty() && axes_are_input) inputs.push_back(ints(axes));
  if (!axes.empty() && !axes_are_input) attrs.push_back({"axes", axes});
  return op(op_type, std::move(inputs), std::move(attrs));
}

V Builder::clip(V x, V min, V max) {
  if (!min && !max) return x;
  return op("Clip", {x, min, max});
}

V Builder::shape_of(V x) {
  const auto& shape = value(x).shape;
  if (shape && std::all_of(shape->begin(), shape->end(), [](const onnx::Dim& d) { return d.is_static(); })) {
    std::vector<int64_t> numbers;
    for (const onnx::Dim& dim : *shape) numbers.push_back(dim.value);
    return ints(numbers);
  }
  return op("Shape", {x});
}

Size Builder::size_of(V x, int64_t axis) {
  const auto& shape = value(x).shape;
  std::string param;
  if (shape) {
    const onnx::Dim& dim = shape->at(static_cast<std::size_t>(axis));
    if (dim.is_static()) return dim.value;
    param = dim.param;
  }
  V& known = known_sizes_[{x.id, axis, stamp_.scope, graphs_.back()}];
  if (!known) {
    known = opset_ >= 15 ? op("Shape", {x}, {{"start", axis}, {"end", axis + 1}})
                         : op("Gather", {op("Shape", {x}), ints({axis})}, {{"axis", 0}});
  }
  return Size(known, std::move(param));
}

Sizes Builder::sizes_of(V x) {
  const auto n = rank(x);
  if (!n) fail(ErrorKind::Internal, "the rank of a value is needed but unknown");
  Sizes sizes;
  for (int64_t axis = 0; axis < *n; ++axis) sizes.push_back(size_of(x, axis));
  return sizes;
}

V Builder::shape_tensor(const Sizes& sizes) {
  if (const auto numbers = static_sizes(sizes)) return ints(*numbers);
  Values parts;
  std::vector<int64_t> run;  // neighbouring numbers are one constant
  const auto flush = [&] {
    if (!run.empty()) parts.push_back(ints(run));
    run.clear();
  };
  for (const Size& size : sizes) {
    if (size.is_static()) {
      run.push_back(size.value);
    } else {
      flush();
      parts.push_back(size.runtime);
    }
  }
  flush();
  return concat(parts, 0);
}

V Builder::as_scalar(const Size& size, DType dtype) {
  if (size.is_static()) return scalar_int(size.value, dtype);
  return cast(squeeze(size.runtime, {0}), dtype);
}

V Builder::as_vector(const Size& size) { return size.is_static() ? ints({size.value}) : size.runtime; }

Size Builder::size_add(const Size& a, const Size& b) {
  if (a.is_static() && b.is_static()) return a.value + b.value;
  if (a.is_static() && a.value == 0) return b;
  if (b.is_static() && b.value == 0) return a;
  return Size(add(as_vector(a), as_vector(b)));
}

Size Builder::size_sub(const Size& a, const Size& b) {
  if (a.is_static() && b.is_static()) return a.value - b.value;
  if (b.is_static() && b.value == 0) return a;
  return Size(sub(as_vector(a), as_vector(b)));
}

Size Builder::size_mul(const Size& a, const Size& b) {
  if (a.is_static() && b.is_static()) return a.value * b.value;
  if (a.is_static() && a.value == 1) return b;
  if (b.is_static() && b.value == 1) return a;
  return Size(mul(as_vector(a), as_vector(b)));
}

// ONNX Div truncates; floor(a / b) = (a - mod(a, b)) / b, with Mod taking the divisor's sign.
Size Builder::size_floordiv(const Size& a, const Size& b) {
  if (b.is_static() && b.value == 1) return a;
  if (a.is_static() && b.is_static() && b.value != 0) {
    const int64_t quotient = a.value / b.value;
    return (a.value % b.value != 0 && (a.value < 0) != (b.value < 0)) ? quotient - 1 : quotient;
  }
  const V dividend = as_vector(a);
  const V divisor = as_vector(b);
  return Size(div(sub(dividend, op("Mod", {dividend, divisor})), divisor));
}

Size Builder::size_min(const Size& a, const Size& b) {
  if (a.is_static() && b.is_static()) return std::min(a.value, b.value);
  return Size(op("Min", {as_vector(a), as_vector(b)}));
}

Size Builder::size_max(const Size& a, const Size& b) {
  if (a.is_static() && b.is_static()) return std::max(a.value, b.value);
  return Size(op("Max", {as_vector(a), as_vector(b)}));
}

}  // namespace modelexport::lower
