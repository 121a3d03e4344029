// GraphProto and what is in it, with names resolved to values.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/external_files.h"
#include "onnx/model.h"
#include "onnx/read_tensor.h"
#include "onnx/reader.h"
#include "onnx/wire.h"
#include "onnx/wire_reader.h"

namespace modelexport::onnx {

class GraphReader {
 public:
  // Values and initializers go to `model`. `external` is null when external data are not to be opened.
  GraphReader(Model& model, FileBytes file, ExternalFiles* external, const ReadOptions& options)
      : model_(model), file_(std::move(file)), external_(external), options_(options) {}

  [[nodiscard]] Graph read_main(Message<wire::GraphProto> message);
  [[nodiscard]] Function read_function(Message<wire::FunctionProto> message);
  // To be called when all is read.
  void rename_moved_initializers();

 private:
  // The names of one graph, as views into the file.
  struct Scope {
    const Scope* outer = nullptr;
    int depth = 0;
    bool is_in_function = false;
    std::unordered_map<std::string_view, ValueId> names{};
    std::unordered_set<ValueId> pending{};  // made by nodes that have not been read yet
  };

  Graph read_graph(Message<wire::GraphProto> message, Scope& scope);
  void define_inputs(Message<wire::GraphProto> message, Scope& scope, Graph& graph);
  void define_others(Message<wire::GraphProto> message, Scope& scope, Graph& graph);
  void read_initializer(const ReadTensor& tensor, Scope& scope, Graph& graph);
  void add_initializer(const ReadTensor& tensor, ValueId value);
  void define_outputs(Message<wire::NodeProto> node, Scope& scope);
  void apply_value_info(Message<wire::ValueInfoProto> message, const Scope& scope);

  void add_node(Message<wire::NodeProto> message, Scope& scope, Graph& graph);
  void read_node(Message<wire::NodeProto> message, Scope& scope, Node& node);
  Attribute read_attribute(std::string_view bytes, const char* origin, const Scope& scope);
  AttributeValue read_attribute_value(Message<wire::AttributeProto> message, wire::AttributeType type,
                                      const Scope& scope);
  AttributeValue read_body(Message<wire::GraphProto> message, const Scope& scope);

  ValueId define(std::string_view name, Scope& scope);
  ValueId resolve(std::string_view name, Scope& scope);
  ValueId resolve_input(std::string_view name, Scope& scope);

  Model& model_;
  FileBytes file_;
  ExternalFiles* external_;
  const ReadOptions& options_;
  std::vector<ValueId> moved_;  // initializers of bodies
};

}  // namespace modelexport::onnx
