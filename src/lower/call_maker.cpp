#include "lower/call_maker.h"

#include <algorithm>
#include <utility>

#include "lower/op_table.h"

namespace modelexport::lower {

using program::NamedArgument;

program::Node make_call(std::string target, std::vector<NamedArgument> given, std::vector<program::ValueId> outputs,
                        Origin origin) {
  program::Node node;
  const Entry* entry = find_op(target);
  if (entry == nullptr) {
    node.args = std::move(given);
  } else {
    node.schema = &entry->schema;
    for (const program::SchemaArgument& argument : entry->schema.arguments) {
      const auto found = std::ranges::find(given, argument.name, &NamedArgument::name);
      if (found != given.end()) {
        node.args.push_back(std::move(*found));
      } else if (argument.default_value != nullptr) {
        node.args.push_back({argument.name, *argument.default_value});
      }
    }
  }
  node.target = std::move(target);
  node.outputs = std::move(outputs);
  node.scope = origin.scope;
  node.provenance = origin.provenance;
  return node;
}

program::Value dense_tensor(DType dtype, std::vector<program::Dim> sizes) {
  program::Value value;
  value.dtype = dtype;
  value.strides.resize(sizes.size());
  int64_t stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    value.strides[i].value = stride;
    stride *= sizes[i].value;
  }
  value.sizes = std::move(sizes);
  return value;
}

program::ValueId append_call(program::Graph& graph, std::string target, std::vector<NamedArgument> given,
                             program::Value result, Origin origin) {
  const auto id = static_cast<program::ValueId>(graph.values.size());
  graph.values.push_back(std::move(result));
  graph.nodes.push_back(make_call(std::move(target), std::move(given), {id}, origin));
  return id;
}

program::Arguments int_list(const std::vector<int64_t>& numbers) {
  program::Arguments list;
  for (int64_t number : numbers) list.push_back({number});
  return list;
}

}  // namespace modelexport::lower
