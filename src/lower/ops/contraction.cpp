#include "lower/ops/contraction.h"

#include <algorithm>
#include <optional>

namespace modelexport::lower {

namespace {

bool contains(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

bool has_plain_labels(const std::string& labels) {
  std::string sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

// `x` with its axes in the order of `wanted`; those it lacks are new ones of size 1.
V arrange(Builder& b, const Labelled& x, const std::string& wanted) {
  std::vector<int64_t> perm;
  std::vector<int64_t> missing;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto at = x.labels.find(wanted[i]);
    if (at == std::string::npos) {
      missing.push_back(static_cast<int64_t>(i));
    } else {
      perm.push_back(static_cast<int64_t>(at));
    }
  }
  return b.unsqueeze(b.transpose(x.tensor, perm), missing);
}

// The labels of two terms by the part they play in a matrix product.
struct Roles {
  std::string batch;   // in both and in the result
  std::string summed;  // in both only
  std::string left;    // in the first and in the result
  std::string right;   // in the second and in the result
};

// Nothing when some label is summed in one term alone.
std::optional<Roles> roles_of(const Labelled& x, const Labelled& y, const std::string& out) {
  Roles roles;
  for (char label : out) {
    const bool in_x = contains(x.labels, label);
    const bool in_y = contains(y.labels, label);
    (in_x && in_y ? roles.batch : in_x ? roles.left : roles.right) += label;
  }
  for (char label : x.labels) {
    if (contains(out, label)) continue;
    if (!contains(y.labels, label)) return std::nullopt;
    roles.summed += label;
  }
  const bool y_sums_alone = std::any_of(y.labels.begin(), y.labels.end(), [&](char label) {
    return !contains(out, label) && !contains(x.labels, label);
  });
  return y_sums_alone ? std::nullopt : std::optional(roles);
}

// MatMul broadcasts its batch axes but not the summed one.
bool has_same_size(const Builder& b, const Labelled& x, const Labelled& y, char label) {
  const auto& x_shape = b.value(x.tensor).shape;
  const auto& y_shape = b.value(y.tensor).shape;
  return x_shape && y_shape && (*x_shape)[x.labels.find(label)] == (*y_shape)[y.labels.find(label)];
}

std::optional<V> as_matmul(Builder& b, Labelled x, Labelled y, const std::string& out) {
  if (!has_plain_labels(x.labels) || !has_plain_labels(y.labels) || !has_plain_labels(out)) return std::nullopt;
  auto roles = roles_of(x, y, out);
  if (!roles || roles->summed.size() != 1 || roles->left.size() > 1 || roles->right.size() > 1) return std::nullopt;
  if (!has_same_size(b, x, y, roles->summed.front())) return std::nullopt;
  if (!roles->left.empty() && !roles->right.empty() && out.find(roles->left) > out.find(roles->right)) {
    std::swap(x, y);
    std::swap(roles->left, roles->right);
  }
  // An axis that is not there is one of size 1, which no label names.
  const std::string left = roles->left.empty() ? "\1" : roles->left;
  const std::string right = roles->right.empty() ? "\2" : roles->right;
  const V product = b.op("MatMul", {arrange(b, x, roles->batch + left + roles->summed),
                                    arrange(b, y, roles->batch + roles->summed + right)});
  const auto n_batch = static_cast<int64_t>(roles->batch.size());
  std::vector<int64_t> unnamed;
  if (roles->left.empty()) unnamed.push_back(n_batch);
  if (roles->right.empty()) unnamed.push_back(n_batch + 1);
  return arrange(b, {b.squeeze(product, unnamed), roles->batch + roles->left + roles->right}, out);
}

}  // namespace

V contract(Builder& b, const std::vector<Labelled>& terms, const std::string& out) {
  if (terms.size() == 2) {
    if (const auto product = as_matmul(b, terms[0], terms[1], out)) return *product;
  }
  std::string equation;
  Values tensors;
  for (const Labelled& term : terms) {
    if (!equation.empty()) equation += ',';
    equation += term.labels;
    tensors.push_back(term.tensor);
  }
  return b.op("Einsum", tensors, {{"equation", equation + "->" + out}});
}

}  // namespace modelexport::lower
