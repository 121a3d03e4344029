// Matrix products: linear, the mm family, einsum.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "lower/ops/contraction.h"
#include "lower/ops/families.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

V optional_operand(Context& c, std::string_view name, DType dtype) {
  return c.has(name) ? c.operand(name, dtype) : V{};
}

V scaled(Context& c, V x, std::string_view factor) {
  return c.number(factor) == 1 ? x : c.b.mul(x, c.scalar(factor, c.b.dtype(x)));
}

// torch's shape functions let a product of integers and floats pass, which its kernels then refuse.
void refuse_mixed_kinds(Context& c, std::string_view first, std::string_view second) {
  if (is_floating(c.dtype(first)) == is_floating(c.dtype(second))) return;
  fail(fmt::format("{} is {} but {} is {}; torch multiplies matrices of one type only", first, name_of(c.dtype(first)),
                   second, name_of(c.dtype(second))));
}

// A matrix times a vector, the vector as a matrix of one column: onnxruntime takes a Transpose of the matrix into the
// product, and forgets it before a vector.
V times_vector(Builder& b, V matrix, V vector) {
  const int64_t rows_axis = *b.rank(matrix) - 1;
  return b.squeeze(b.op("MatMul", {matrix, b.unsqueeze(vector, {1})}), {rows_axis});
}

V product(Builder& b, V x, V y) {
  if (b.rank(x) > 1 && b.rank(y) == 1) return times_vector(b, x, y);
  return b.op("MatMul", {x, y});
}

Values linear(Context& c) {
  refuse_mixed_kinds(c, "input", "weight");
  const DType dtype = c.out_dtype();
  const V x = c.operand("input", dtype);
  const V weight = c.operand("weight", dtype);
  const V bias = optional_operand(c, "bias", dtype);
  const bool is_matrix = c.rank("weight") == 2;
  if (is_matrix && c.rank("input") == 2 && is_floating(dtype)) {
    return {c.b.op("Gemm", {x, weight, bias}, {{"transB", 1}})};
  }
  const V result = product(c.b, x, is_matrix ? c.b.transpose(weight, {1, 0}) : weight);
  return {bias ? c.b.add(result, bias) : result};
}

template <OpName First, OpName Second>
Values matmul(Context& c) {
  refuse_mixed_kinds(c, First.text, Second.text);
  const DType dtype = c.out_dtype();
  return {product(c.b, c.operand(First.text, dtype), c.operand(Second.text, dtype))};
}

// beta * self + alpha * product; a beta of 0 ignores self, whatever it holds.
V accumulate(Context& c, V product) {
  const V term = scaled(c, product, "alpha");
  if (c.number("beta") == 0) return c.b.expand(term, c.out_sizes());
  return c.b.add(term, scaled(c, c.operand("self", c.b.dtype(product)), "beta"));
}

bool is_exact_as_float(double value) { return static_cast<double>(static_cast<float>(value)) == value; }

Values addmm(Context& c) {
  refuse_mixed_kinds(c, "mat1", "mat2");
  const DType dtype = c.out_dtype();
  const V mat1 = c.operand("mat1", dtype);
  const V mat2 = c.operand("mat2", dtype);
  const bool exact =
      dtype != DType::Float64 || (is_exact_as_float(c.number("alpha")) && is_exact_as_float(c.number("beta")));
  if (!is_floating(dtype) || !exact) return {accumulate(c, c.b.op("MatMul", {mat1, mat2}))};
  Attrs attrs;
  for (const char* name : {"alpha", "beta"}) {
    if (c.number(name) != 1) attrs.push_back({name, c.number(name)});
  }
  const V self = c.number("beta") == 0 ? V{} : c.operand("self", dtype);
  return {c.b.op("Gemm", {mat1, mat2, self}, attrs)};
}

template <OpName First, OpName Second>
Values add_product(Context& c) {
  return {accumulate(c, matmul<First, Second>(c).front())};
}

Values addbmm(Context& c) {
  return {accumulate(c, c.b.reduce("ReduceSum", matmul<"batch1", "batch2">(c).front(), {0}, false))};
}

V outer_product(Context& c, std::string_view column, std::string_view row) {
  const DType dtype = c.out_dtype();
  return c.b.mul(c.b.unsqueeze(c.operand(column, dtype), {1}), c.operand(row, dtype));
}

Values outer(Context& c) { return {outer_product(c, "self", "vec2")}; }

Values addr(Context& c) {
  if (c.out_dtype() != DType::Bool) return {accumulate(c, outer_product(c, "vec1", "vec2"))};
  const V column = c.b.unsqueeze(c.operand("vec1", DType::Bool), {1});
  V product = c.b.op("And", {column, c.operand("vec2", DType::Bool)});
  if (c.number("alpha") == 0) product = c.b.op("And", {product, c.b.scalar(0, DType::Bool)});
  if (c.number("beta") == 0) return {product};
  return {c.b.op("Or", {product, c.operand("self", DType::Bool)})};
}

// inner(self, other): the last axes are summed; a rank-0 operand multiplies.
Values inner(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  if (c.rank("self") == 0 || c.rank("other") == 0) return {c.b.mul(self, other)};
  const auto letters = [](char first, int64_t n) {
    std::string labels;
    for (int64_t i = 0; i < n; ++i) labels += static_cast<char>(first + i);
    return labels;
  };
  const std::string left = letters('a', c.rank("self") - 1);
  const std::string right = letters('A', c.rank("other") - 1);
  return {contract(c.b, {{self, left + "z"}, {other, right + "z"}}, left + right)};
}

Values chain(Context& c, std::string_view name) {
  Values factors = c.tensors(name);
  V result = c.b.cast(factors.front(), c.out_dtype());
  for (std::size_t i = 1; i < factors.size(); ++i) {
    result = product(c.b, result, c.b.cast(factors[i], c.out_dtype()));
  }
  return {result};
}

Values chain_matmul(Context& c) { return chain(c, "matrices"); }

Values multi_dot(Context& c) { return chain(c, "tensors"); }

// A letter an axis: a..., with the axes summed in both named alike.
Values tensordot(Context& c) {
  const DType dtype = c.out_dtype();
  const std::vector<int64_t> self_axes = c.axes("dims_self", "self");
  const std::vector<int64_t> other_axes = c.axes("dims_other", "other");
  V self = c.operand("self", dtype);
  V other = c.operand("other", dtype);
  std::string self_labels;
  std::string other_labels;
  for (int64_t i = 0; i < c.rank("self"); ++i) self_labels += static_cast<char>('a' + i);
  for (int64_t i = 0; i < c.rank("other"); ++i) other_labels += static_cast<char>('A' + i);
  std::string summed;
  for (std::size_t i = 0; i < self_axes.size(); ++i) {
    // A size of 1 against another one: that one is summed alone.
    const program::Dim& self_size = c.info("self").sizes.at(static_cast<std::size_t>(self_axes[i]));
    const program::Dim& other_size = c.info("other").sizes.at(static_cast<std::size_t>(other_axes[i]));
    const bool self_is_one = self_size.is_static() && self_size.value == 1;
    const bool other_is_one = other_size.is_static() && other_size.value == 1;
    if (self_is_one && !other_is_one) other = c.b.reduce("ReduceSum", other, {other_axes[i]}, true);
    if (other_is_one && !self_is_one) self = c.b.reduce("ReduceSum", self, {self_axes[i]}, true);
    const char label = self_labels[static_cast<std::size_t>(self_axes[i])];
    other_labels[static_cast<std::size_t>(other_axes[i])] = label;
    summed += label;
  }
  std::string out;
  for (char label : self_labels + other_labels) {
    if (summed.find(label) == std::string::npos) out += label;
  }
  return {contract(c.b, {{self, self_labels}, {other, other_labels}}, out)};
}

bool is_label(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::vector<std::string> split_terms(const std::string& operands) {
  std::vector<std::string> terms{""};
  for (char c : operands) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  return terms;
}

// The last `n` of the letters that stand for the axes of "...", which align at their end.
std::string ellipsis_labels(const std::string& free, std::size_t n) { return free.substr(free.size() - n); }

std::string with_ellipsis(std::string labels, const std::string& letters) {
  const auto at = labels.find("...");
  return at == std::string::npos ? labels : labels.replace(at, 3, letters);
}

// The result's labels when the equation names none: those met once, in order, after the broadcast axes.
std::string implied_result(const std::string& operands) {
  std::string once;
  for (char label : operands) {
    if (is_label(label) && std::count(operands.begin(), operands.end(), label) == 1) once += label;
  }
  std::sort(once.begin(), once.end());
  return "..." + once;
}

// "..." becomes letters that the equation does not use, so that every axis has one.
Values einsum(Context& c) {
  std::string equation = c.text("equation");
  equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
  const auto arrow = equation.find("->");
  const std::string operands = equation.substr(0, arrow);
  const std::string out = arrow == std::string::npos ? implied_result(operands) : equation.substr(arrow + 2);
  std::string unused;
  for (char label = 'z'; label >= 'a'; --label) {
    if (equation.find(label) == std::string::npos) unused += label;
  }
  const std::vector<std::string> labels = split_terms(operands);
  const Values tensors = c.tensors("tensors");
  std::vector<Labelled> terms;
  std::size_t most = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto named = static_cast<std::size_t>(std::count_if(labels.at(i).begin(), labels[i].end(), is_label));
    const auto rank = static_cast<std::size_t>(c.b.rank(tensors[i]).value_or(0));
    if (rank < named || rank - named > unused.size()) c.unsupported("the equation does not fit its operands");
    most = std::max(most, rank - named);
    terms.push_back(
        {c.b.cast(tensors[i], c.out_dtype()), with_ellipsis(labels[i], ellipsis_labels(unused, rank - named))});
  }
  return {contract(c.b, terms, with_ellipsis(out, ellipsis_labels(unused, most)))};
}

// out[..., o] = input1[..., i] weight[o, i, j] input2[..., j] + bias[o]
Values bilinear(Context& c) {
  const DType dtype = c.out_dtype();
  const int64_t n = c.rank("input1");
  const V row = c.b.unsqueeze(c.operand("input1", dtype), {n - 1, n});
  const V column = c.b.unsqueeze(c.operand("input2", dtype), {n - 1, n + 1});
  const V left = c.b.op("MatMul", {row, c.operand("weight", dtype)});
  const V sum = c.b.squeeze(c.b.op("MatMul", {left, column}), {n, n + 1});
  return {c.has("bias") ? c.b.add(sum, c.operand("bias", dtype)) : sum};
}

constexpr Row kRows[] = {
    {"aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", linear},
    {"aten::mm(Tensor self, Tensor mat2) -> Tensor", matmul<"self", "mat2">},
    {"aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor", matmul<"self", "mat2">},
    {"aten::bmm(Tensor self, Tensor mat2) -> Tensor", matmul<"self", "mat2">},
    {"aten::bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor", matmul<"self", "mat2">},
    {"aten::_int_mm(Tensor self, Tensor mat2) -> Tensor", matmul<"self", "mat2">},
    {"aten::mv(Tensor self, Tensor vec) -> Tensor", matmul<"self", "vec">},
    {"aten::dot(Tensor self, Tensor tensor) -> Tensor", matmul<"self", "tensor">},
    {"aten::matmul(Tensor self, Tensor other) -> Tensor", matmul<"self", "other">},
    {"aten::linalg_matmul(Tensor self, Tensor other) -> Tensor", matmul<"self", "other">},
    {"aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmm},
    {"aten::addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) "
     "-> Tensor",
     addmm},
    {"aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
     add_product<"mat", "vec">},
    {"aten::addmv_(Tensor(a!) self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
     add_product<"batch1", "batch2">},
    {"aten::baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar "
     "alpha=1) -> Tensor",
     add_product<"batch1", "batch2">},
    {"aten::baddbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addbmm},
    {"aten::addbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addr},
    {"aten::addr_(Tensor(a!) self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::outer(Tensor self, Tensor vec2) -> Tensor", outer},
    {"aten::ger(Tensor self, Tensor vec2) -> Tensor", outer},
    {"aten::inner(Tensor self, Tensor other) -> Tensor", inner},
    {"aten::chain_matmul(Tensor[] matrices) -> Tensor", chain_matmul},
    {"aten::linalg_multi_dot(Tensor[] tensors) -> Tensor", multi_dot},
    {"aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", tensordot},
    {"aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", einsum},
    {"aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", bilinear},
};

}  // namespace

Family linear_ops() { return kRows; }

}  // namespace modelexport::lower
