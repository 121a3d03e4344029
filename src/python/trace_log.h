// Notes of one forward, of which the program is made when it has ended.
//
// They are taken between operators whose activations fill caches and heap. Anything allocated piece by piece would come
// to lie between the activations and keep their room from being used again, so that later ones land on cold memory. So
// a note is an entry in one of a few long lists, and refers to Python's own objects.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <vector>

#include "program/program_builder.h"
#include "python/torch_types.h"
#include "python/trace_operator.h"

namespace modelexport::python {

class TraceLog {
 public:
  TraceLog();

  // A tensor with the type, sizes and strides that it has now. Ids count from 0.
  program::ValueId add_value(nb::handle tensor);

  // The arguments of the next call or output, in order: a value, a constant, a list of as many as follow it, or the
  // keyword of the one that follows it.
  void add_argument(program::ValueId value) { arguments_.push_back({Part::Value, value, {}}); }
  void add_constant(nb::handle object) { arguments_.push_back({Part::Constant, 0, nb::borrow(object)}); }
  void add_list(std::size_t size) { arguments_.push_back({Part::List, static_cast<uint32_t>(size), {}}); }
  void add_keyword(nb::handle name) { arguments_.push_back({Part::Keyword, 0, nb::borrow(name)}); }
  void add_result(program::ValueId value) { results_.push_back(value); }

  // Ends what was added since the last end.
  void end_call(const TraceOperator& op, uint32_t module_call);
  void end_output() { outputs_.push_back(here()); }
  // Forgets what was added since the last end.
  void drop_call();

  // Adds values, calls and outputs to the graph; `scopes` gives the scope of each module call.
  // Throws Error for what no program can hold, such as integers beyond 64 bits.
  void build(program::ProgramBuilder& builder, TorchTypes& types, const std::vector<ScopeId>& scopes) const;

 private:
  struct TensorNote {
    nb::object dtype, sizes, strides;
  };
  struct Part {
    enum Kind : uint8_t { Value, Constant, List, Keyword } kind;
    uint32_t number;
    nb::object object;
  };
  // Where something ends in the two lists.
  struct Mark {
    std::size_t arguments = 0, results = 0;
  };
  struct CallNote {
    const TraceOperator* op;
    uint32_t module_call;
    Mark end;
  };

  [[nodiscard]] Mark here() const { return {arguments_.size(), results_.size()}; }
  [[nodiscard]] Mark last_end() const;
  program::Argument read(TorchTypes& types, std::size_t& part) const;
  void build_call(program::ProgramBuilder& builder, TorchTypes& types, const CallNote& call, Mark start,
                  ScopeId scope) const;

  std::vector<TensorNote> values_;
  std::vector<Part> arguments_;
  std::vector<program::ValueId> results_;
  std::vector<CallNote> calls_;
  std::vector<Mark> outputs_;  // after all calls
  nb::str dtype_name_, shape_name_, stride_name_;
};

}  // namespace modelexport::python
