#include "lower/view_inverse.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "lower/view_layout.h"
#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::lower {

using program::Argument;
using program::Arguments;
using program::Dim;
using program::NamedArgument;
using program::Node;
using program::Value;
using program::ValueId;

Dim CallEmitter::unknown_size() {
  const std::string name = "rest" + std::to_string(graph_.values.size());
  return {0, symbols_.parse("Symbol('" + name + "', integer=True)")};
}

ValueId CallEmitter::append(Node node, Value result) {
  graph_.values.push_back(std::move(result));
  const auto id = static_cast<ValueId>(graph_.values.size() - 1);
  node.outputs = {id};
  graph_.nodes.push_back(std::move(node));
  return id;
}

ValueId CallEmitter::call(std::string target, std::vector<NamedArgument> arguments, Value result) {
  return append(make_call(std::move(target), std::move(arguments), {}, origin_), std::move(result));
}

ValueId CallEmitter::call(std::string target, std::vector<NamedArgument> arguments, ValueId like) {
  return call(std::move(target), std::move(arguments), Value(graph_.values[like]));
}

namespace {

// One view call on its way back.
struct Inversion {
  CallEmitter& emit;
  const Node& view;
  ValueId source;
  const std::vector<ValueId>& views;

  [[nodiscard]] ValueId seen() const { return views.front(); }
  [[nodiscard]] const Value& value(ValueId id) const { return emit.graph().values[id]; }
  [[nodiscard]] int64_t rank(ValueId id) const { return static_cast<int64_t>(value(id).sizes.size()); }

  [[noreturn]] void refuse(const std::string& why) const {
    fail(ErrorKind::UnsupportedOperator,
         "a tensor is written through its view " + program::torch_name(view.target) + ", " + why);
  }

  [[nodiscard]] const Argument& argument(std::string_view name) const {
    const Argument* found = view.find(name);
    if (found == nullptr) refuse("which lacks the argument '" + std::string(name) + "'");
    return *found;
  }

  [[nodiscard]] std::optional<int64_t> number(std::string_view name) const {
    const auto* integer = argument(name).as<int64_t>();
    return integer == nullptr ? std::nullopt : std::optional(*integer);
  }

  // An axis of the source, counted from the front.
  [[nodiscard]] int64_t axis(std::string_view name) const {
    const auto given = number(name);
    if (!given) refuse("whose axis is not a number");
    return *given < 0 ? *given + rank(source) : *given;
  }

  // The arguments of the view call behind the viewed one.
  [[nodiscard]] std::vector<NamedArgument> other_arguments() const {
    std::vector<NamedArgument> others;
    const std::size_t viewed = viewed_argument(view).value_or(0);
    for (std::size_t i = 0; i < view.args.size(); ++i) {
      if (i != viewed) others.push_back(view.args[i]);
    }
    return others;
  }

  // `target`(source, seen, the view's other arguments), sized like the source.
  ValueId scatter(std::string target) const {
    std::vector<NamedArgument> arguments = other_arguments();
    arguments.push_back({"self", ref(source)});
    arguments.push_back({"src", ref(seen())});
    return emit.call(std::move(target), std::move(arguments), source);
  }

  // The view's elements in the source's sizes.
  ValueId view_back() const {
    const auto& sizes = value(source).sizes;
    if (std::ranges::all_of(sizes, &Dim::is_static)) {
      std::vector<int64_t> numbers;
      numbers.reserve(sizes.size());
      for (const Dim& dim : sizes) numbers.push_back(dim.value);
      return emit.call("aten::view", {{"self", ref(seen())}, {"size", {int_list(numbers)}}}, source);
    }
    return emit.call("aten::view_as", {{"self", ref(seen())}, {"other", ref(source)}}, source);
  }
};

ValueId view_back(const Inversion& in) {
  if (in.view.target == "aten::view.dtype") in.refuse("which reads its bytes as another type");
  return in.view_back();
}

// Squeezing is cheaper than reshaping where sizes are symbolic.
ValueId undo_unsqueeze(const Inversion& in) {
  const auto axis = in.number("dim");
  if (!axis) return in.view_back();
  return in.emit.call("aten::squeeze.dim", {{"self", ref(in.seen())}, {"dim", {*axis}}}, in.source);
}

ValueId undo_squeeze(const Inversion& in) {
  if (in.rank(in.seen()) == in.rank(in.source)) return in.seen();
  if (in.view.target != "aten::squeeze.dim") return in.view_back();
  return in.emit.call("aten::unsqueeze", {{"self", ref(in.seen())}, {"dim", {in.axis("dim")}}}, in.source);
}

// Views that undo themselves: transpose, t, numpy_T, mT, view_as_real, ...
ValueId repeat(const Inversion& in) {
  Node again = in.view;
  again.args[viewed_argument(in.view).value_or(0)].value = ref(in.seen());
  again.scope = in.emit.origin().scope;
  again.provenance = in.emit.origin().provenance;
  return in.emit.append(std::move(again), Value(in.value(in.source)));
}

ValueId repeat_unless_complex(const Inversion& in) {
  if (is_complex(in.value(in.source).dtype)) in.refuse("which conjugates");
  return repeat(in);
}

ValueId undo_permute(const Inversion& in) {
  const auto* dims = in.argument("dims").as<Arguments>();
  if (dims == nullptr) in.refuse("whose order of axes is not a list");
  std::vector<int64_t> inverse(dims->size());
  for (std::size_t i = 0; i < dims->size(); ++i) {
    const auto* axis = (*dims)[i].as<int64_t>();
    const int64_t from_front = axis == nullptr ? -1 : *axis < 0 ? *axis + in.rank(in.source) : *axis;
    if (from_front < 0 || from_front >= static_cast<int64_t>(inverse.size())) in.refuse("whose axes are out of range");
    inverse[static_cast<std::size_t>(from_front)] = static_cast<int64_t>(i);
  }
  return in.emit.call("aten::permute", {{"self", ref(in.seen())}, {"dims", {int_list(inverse)}}}, in.source);
}

ValueId undo_movedim(const Inversion& in) {
  return in.emit.call(
      in.view.target,
      {{"self", ref(in.seen())}, {"source", in.argument("destination")}, {"destination", in.argument("source")}},
      in.source);
}

ValueId scatter_select(const Inversion& in) {
  if (in.view.target != "aten::select.int") in.refuse("which names its axis");
  return in.scatter("aten::select_scatter");
}

ValueId scatter_slice(const Inversion& in) {
  if (in.view.target != "aten::slice.Tensor") in.refuse("which has no inverse");
  return in.scatter("aten::slice_scatter");
}

ValueId scatter_narrow(const Inversion& in) {
  if (in.view.target != "aten::narrow") in.refuse("whose start is a tensor");
  const int64_t axis = in.axis("dim");
  const Dim size = in.value(in.source).sizes.at(static_cast<std::size_t>(axis));
  const auto start = in.number("start");
  const auto length = in.number("length");
  const auto slice_scatter = [&](ValueId into, ValueId from, const Argument& first, const Argument& last) {
    return in.emit.call("aten::slice_scatter",
                        {{"self", ref(into)}, {"src", ref(from)}, {"dim", {axis}}, {"start", first}, {"end", last}},
                        into);
  };
  if (start && length && (*start >= 0 || size.is_static())) {
    const int64_t first = *start < 0 ? *start + size.value : *start;
    return slice_scatter(in.source, in.seen(), {first}, {first + *length});
  }
  // start + length is known at run time only. So: what follows the start, its first `length` entries replaced.
  Value rest = in.value(in.seen());
  rest.strides.clear();
  rest.sizes[static_cast<std::size_t>(axis)] = in.emit.unknown_size();
  const ValueId tail = in.emit.call("aten::slice.Tensor",
                                    {{"self", ref(in.source)}, {"dim", {axis}}, {"start", in.argument("start")}}, rest);
  const ValueId changed = slice_scatter(tail, in.seen(), {int64_t{0}}, in.argument("length"));
  return slice_scatter(in.source, changed, in.argument("start"), {});
}

ValueId scatter_diagonal(const Inversion& in) { return in.scatter("aten::diagonal_scatter"); }

ValueId scatter_as_strided(const Inversion& in) {
  if (!is_row_major(in.value(in.source))) in.refuse("of a tensor that is not laid out row-major");
  return in.scatter("aten::as_strided_scatter");
}

// All the pieces, changed and unchanged, make the whole.
ValueId join_pieces(const Inversion& in, const char* target, int64_t axis) {
  Arguments pieces;
  for (ValueId piece : in.views) pieces.push_back(ref(piece));
  return in.emit.call(target, {{"tensors", {std::move(pieces)}}, {"dim", {axis}}}, in.source);
}

ValueId concatenate(const Inversion& in) { return join_pieces(in, "aten::cat", in.axis("dim")); }
ValueId concatenate_columns(const Inversion& in) {
  return join_pieces(in, "aten::cat", in.rank(in.source) == 1 ? 0 : 1);
}
ValueId concatenate_rows(const Inversion& in) { return join_pieces(in, "aten::cat", 0); }
ValueId concatenate_depth(const Inversion& in) { return join_pieces(in, "aten::cat", 2); }
ValueId stack(const Inversion& in) { return join_pieces(in, "aten::stack", in.axis("dim")); }

ValueId undo_expand(const Inversion& in) {
  const auto& from = in.value(in.source).sizes;
  const auto& to = in.value(in.seen()).sizes;
  const std::size_t added = to.size() - std::min(from.size(), to.size());
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Dim before = i < added ? Dim{1, program::kStatic} : from[i - added];
    if (!(to[i] == before)) {
      in.refuse("where more than one element refers to a single place; clone() the tensor before writing to it");
    }
  }
  return in.view_back();
}

// Window i covers [i*step, i*step + size) of the axis; its elements lie along the last axis of the view.
ValueId scatter_windows(const Inversion& in) {
  const int64_t axis = in.axis("dimension");
  const auto size = in.number("size");
  const auto step = in.number("step");
  const Dim count = in.value(in.seen()).sizes.at(static_cast<std::size_t>(axis));
  if (!size || !step || !count.is_static()) in.refuse("whose windows are known at run time only");
  if (*step < *size) in.refuse("whose windows overlap; clone() the tensor before writing to it");
  Value window = in.value(in.source);
  window.strides.clear();
  window.sizes[static_cast<std::size_t>(axis)] = Dim{*size, program::kStatic};
  Value last = window;  // the window's axis moved to the end
  last.sizes.erase(last.sizes.begin() + static_cast<std::ptrdiff_t>(axis));
  last.sizes.push_back(Dim{*size, program::kStatic});
  ValueId whole = in.source;
  for (int64_t i = 0; i < count.value; ++i) {
    const ValueId taken =
        in.emit.call("aten::select.int", {{"self", ref(in.seen())}, {"dim", {axis}}, {"index", {i}}}, last);
    const ValueId placed = in.emit.call(
        "aten::movedim.int", {{"self", ref(taken)}, {"source", {int64_t{-1}}}, {"destination", {axis}}}, window);
    whole = in.emit.call("aten::slice_scatter",
                         {{"self", ref(whole)},
                          {"src", ref(placed)},
                          {"dim", {axis}},
                          {"start", {i * *step}},
                          {"end", {i * *step + *size}}},
                         whole);
  }
  return whole;
}

ValueId view_as_complex(const Inversion& in) {
  return in.emit.call("aten::view_as_complex", {{"self", ref(in.seen())}}, in.source);
}

ValueId view_as_real(const Inversion& in) {
  return in.emit.call("aten::view_as_real", {{"self", ref(in.seen())}}, in.source);
}

// Real and imaginary part are the two entries of a last axis.
ValueId set_part(const Inversion& in, int64_t part) {
  Value pairs = in.value(in.source);
  pairs.dtype = in.value(in.seen()).dtype;
  pairs.sizes.push_back(Dim{2, program::kStatic});
  pairs.strides.clear();
  const ValueId before = in.emit.call("aten::view_as_real", {{"self", ref(in.source)}}, pairs);
  const ValueId after =
      in.emit.call("aten::select_scatter",
                   {{"self", ref(before)}, {"src", ref(in.seen())}, {"dim", {int64_t{-1}}}, {"index", {part}}}, before);
  return in.emit.call("aten::view_as_complex", {{"self", ref(after)}}, in.source);
}

ValueId set_real(const Inversion& in) { return set_part(in, 0); }
ValueId set_imag(const Inversion& in) { return set_part(in, 1); }

using Inverse = ValueId (*)(const Inversion&);

const std::unordered_map<std::string_view, Inverse>& inverses() {
  static const std::unordered_map<std::string_view, Inverse> table = {
      {"view", view_back},
      {"reshape", view_back},
      {"view_as", view_back},
      {"reshape_as", view_back},
      {"flatten", view_back},
      {"unflatten", view_back},
      {"ravel", view_back},
      {"_reshape_alias", view_back},
      {"atleast_1d", view_back},
      {"atleast_2d", view_back},
      {"atleast_3d", view_back},
      {"unsqueeze", undo_unsqueeze},
      {"squeeze", undo_squeeze},
      {"transpose", repeat},
      {"swapaxes", repeat},
      {"swapdims", repeat},
      {"t", repeat},
      {"numpy_T", repeat},
      {"mT", repeat},
      {"mH", repeat_unless_complex},
      {"matrix_H", repeat_unless_complex},
      {"adjoint", repeat_unless_complex},
      {"conj", repeat},
      {"_conj", repeat},
      {"permute", undo_permute},
      {"movedim", undo_movedim},
      {"moveaxis", undo_movedim},
      {"select", scatter_select},
      {"slice", scatter_slice},
      {"narrow", scatter_narrow},
      {"diagonal", scatter_diagonal},
      {"linalg_diagonal", scatter_diagonal},
      {"as_strided", scatter_as_strided},
      {"split", concatenate},
      {"split_with_sizes", concatenate},
      {"chunk", concatenate},
      {"tensor_split", concatenate},
      {"hsplit", concatenate_columns},
      {"vsplit", concatenate_rows},
      {"dsplit", concatenate_depth},
      {"unbind", stack},
      {"expand", undo_expand},
      {"expand_as", undo_expand},
      {"broadcast_to", undo_expand},
      {"unfold", scatter_windows},
      {"view_as_real", view_as_complex},
      {"view_as_complex", view_as_real},
      {"real", set_real},
      {"imag", set_imag},
  };
  return table;
}

}  // namespace

ValueId invert_view(CallEmitter& emitter, const Node& view, ValueId source, const std::vector<ValueId>& views) {
  const Inversion in{emitter, view, source, views};
  const auto inverse = inverses().find(aten_name(view));
  if (inverse == inverses().end()) in.refuse("which has no inverse");
  return inverse->second(in);
}

}  // namespace modelexport::lower
