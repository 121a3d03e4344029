#include "python/trace_log.h"

#include <utility>

namespace modelexport::python {

using program::Argument;
using program::Arguments;
using program::NamedArgument;
using program::ValueId;
using program::ValueRef;

namespace {

// Calls that most models do not exceed; longer lists move once or twice.
constexpr std::size_t kUsualCalls = 4096;

}  // namespace

TraceLog::TraceLog()
    : dtype_name_(interned("dtype")), shape_name_(interned("shape")), stride_name_(interned("stride")) {
  values_.reserve(2 * kUsualCalls);
  arguments_.reserve(8 * kUsualCalls);
  results_.reserve(kUsualCalls);
  calls_.reserve(kUsualCalls);
}

ValueId TraceLog::add_value(nb::handle tensor) {
  values_.push_back({tensor.attr(dtype_name_), tensor.attr(shape_name_), tensor.attr(stride_name_)()});
  return static_cast<ValueId>(values_.size() - 1);
}

void TraceLog::end_call(const TraceOperator& op, uint32_t module_call) { calls_.push_back({&op, module_call, here()}); }

TraceLog::Mark TraceLog::last_end() const {
  if (!outputs_.empty()) return outputs_.back();
  return calls_.empty() ? Mark() : calls_.back().end;
}

void TraceLog::drop_call() {
  const Mark end = last_end();
  while (arguments_.size() > end.arguments) arguments_.pop_back();
  results_.resize(end.results);
}

void TraceLog::build(program::ProgramBuilder& builder, TorchTypes& types, const std::vector<ScopeId>& scopes) const {
  for (const TensorNote& note : values_) builder.add_value(types.tensor_value(note.dtype, note.sizes, note.strides));
  Mark start;
  for (const CallNote& call : calls_) {
    build_call(builder, types, call, start, scopes[call.module_call]);
    start = call.end;
  }
  for (const Mark& end : outputs_) {
    program::Output output;
    output.value = read(types, start.arguments);
    builder.add_output(std::move(output));
    start = end;
  }
}

void TraceLog::build_call(program::ProgramBuilder& builder, TorchTypes& types, const CallNote& call, Mark start,
                          ScopeId scope) const {
  std::vector<Argument> positional;
  std::vector<NamedArgument> keyword;
  for (std::size_t part = start.arguments; part < call.end.arguments;) {
    if (arguments_[part].kind != Part::Keyword) {
      positional.push_back(read(types, part));
    } else {
      std::string name(text_of(arguments_[part++].object));
      keyword.push_back({std::move(name), read(types, part)});
    }
  }
  std::vector<ValueId> results(results_.begin() + static_cast<std::ptrdiff_t>(start.results),
                               results_.begin() + static_cast<std::ptrdiff_t>(call.end.results));
  builder.call(call.op->name, call.op->schema_text, std::move(positional), std::move(keyword), std::move(results),
               scope, true);
}

Argument TraceLog::read(TorchTypes& types, std::size_t& part) const {
  const Part& first = arguments_[part++];
  if (first.kind == Part::Value) return {ValueRef{first.number}};
  if (first.kind == Part::Constant) return types.constant(first.object);
  Arguments items;
  items.reserve(first.number);
  for (uint32_t i = 0; i < first.number; ++i) items.push_back(read(types, part));
  return {std::move(items)};
}

}  // namespace modelexport::python
