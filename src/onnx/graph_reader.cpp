#include "onnx/graph_reader.h"

#include <memory>
#include <utility>

#include "onnx/read_common.h"
#include "onnx/read_type.h"
#include "support/error.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

// Of a model's function with initializers in a body: a function sees no initializers of the model.
Node constant_node(const ReadTensor& tensor, ValueId output) {
  Node node;
  node.op_type = "Constant";
  node.outputs = {output};
  node.attributes.push_back({"value", tensor.data});
  return node;
}

}  // namespace

Graph GraphReader::read_main(Message<GraphProto> message) {
  Scope scope;
  return read_graph(message, scope);
}

// Definitions first: a node may use an initializer that the message has later.
Graph GraphReader::read_graph(Message<GraphProto> message, Scope& scope) {
  Graph graph;
  define_inputs(message, scope, graph);
  define_others(message, scope, graph);
  while (message.next()) {
    switch (message.tag()) {
      case GraphProto::Name:
        graph.name = message.string();
        break;
      case GraphProto::Node:
        add_node(message.message<NodeProto>(), scope, graph);
        break;
      case GraphProto::Output: {
        const auto info = message.message<ValueInfoProto>();
        graph.outputs.push_back(resolve(read_value_info(info).name, scope));
        apply_value_info(info, scope);
        break;
      }
      case GraphProto::ValueInfo:
        apply_value_info(message.message<ValueInfoProto>(), scope);
        break;
      default:
        message.skip();
    }
  }
  return graph;
}

void GraphReader::define_inputs(Message<GraphProto> message, Scope& scope, Graph& graph) {
  while (message.next()) {
    if (message.tag() != GraphProto::Input) {
      message.skip();
      continue;
    }
    const auto info = read_value_info(message.message<ValueInfoProto>());
    if (info.name.empty()) message.fail_here("an input has no name");
    graph.inputs.push_back(define(info.name, scope));
    apply_type(info, model_.values[graph.inputs.back()]);
  }
}

void GraphReader::define_others(Message<GraphProto> message, Scope& scope, Graph& graph) {
  while (message.next()) {
    switch (message.tag()) {
      case GraphProto::Node:
        define_outputs(message.message<NodeProto>(), scope);
        break;
      case GraphProto::Initializer:
        read_initializer(read_tensor(message.message<TensorProto>(), file_), scope, graph);
        break;
      case GraphProto::SparseInitializer: {
        const auto sparse = message.message<SparseTensorProto>();
        read_initializer(read_sparse_tensor(sparse, file_, options_.max_dense_bytes), scope, graph);
        break;
      }
      default:
        message.skip();
    }
  }
}

void GraphReader::read_initializer(const ReadTensor& tensor, Scope& scope, Graph& graph) {
  if (tensor.name.empty()) fail("an initializer has no name");
  const bool is_body = scope.depth > 0;
  // An input of a body is always given by its node.
  if (is_body && scope.names.contains(tensor.name)) return;
  const auto value = define(tensor.name, scope);
  if (!scope.is_in_function) {
    add_initializer(tensor, value);
    if (is_body) moved_.push_back(value);
  } else if (tensor.is_external) {
    fail("initializer '" + std::string(tensor.name) + "': external data in a function are not supported");
  } else {
    graph.nodes.push_back(constant_node(tensor, value));
  }
}

void GraphReader::add_initializer(const ReadTensor& tensor, ValueId id) {
  Initializer initializer;
  initializer.value = id;
  initializer.data = tensor.data;
  if (tensor.is_external) {
    if (!options_.allow_outside_folder) check_location(tensor.location);
    if (external_ != nullptr) {
      initializer.data.storage = storage_of(external_->open(tensor.location), tensor.offset, tensor.length);
    } else {
      initializer.external_location = tensor.location;
      initializer.external_offset = tensor.offset;
      initializer.external_length = tensor.length;
    }
  }
  Value& value = model_.values[id];
  value.initializer = static_cast<int32_t>(model_.initializers.size());
  value.dtype = tensor.data.dtype;
  value.shape = static_shape(tensor.data.sizes);
  model_.initializers.push_back(std::move(initializer));
}

void GraphReader::define_outputs(Message<NodeProto> node, Scope& scope) {
  while (node.next()) {
    if (node.tag() != NodeProto::Output) {
      node.skip();
    } else if (const auto name = node.bytes(); !name.empty()) {
      if (scope.names.contains(name)) node.fail_here("the value '" + std::string(name) + "' is made twice");
      scope.pending.insert(define(name, scope));
    }
  }
}

void GraphReader::apply_value_info(Message<ValueInfoProto> message, const Scope& scope) {
  const auto info = read_value_info(message);
  const auto found = scope.names.find(info.name);
  if (found != scope.names.end()) apply_type(info, model_.values[found->second]);
}

void GraphReader::add_node(Message<NodeProto> message, Scope& scope, Graph& graph) {
  Node node;
  const auto context = [&] { return "node " + std::to_string(graph.nodes.size()) + " '" + node.name + "'"; };
  in_context(context, [&] { read_node(message, scope, node); });
  for (const ValueId output : node.outputs) scope.pending.erase(output);
  graph.nodes.push_back(std::move(node));
}

void GraphReader::read_node(Message<NodeProto> message, Scope& scope, Node& node) {
  while (message.next()) {
    switch (message.tag()) {
      case NodeProto::Input:
        node.inputs.push_back(resolve_input(message.bytes(), scope));
        break;
      case NodeProto::Output:
        node.outputs.push_back(resolve(message.bytes(), scope));
        break;
      case NodeProto::Name:
        node.name = message.string();
        break;
      case NodeProto::OpType:
        node.op_type = message.string();
        break;
      case NodeProto::Domain:
        node.domain = message.string();
        break;
      case NodeProto::Overload:
        node.overload = message.string();
        break;
      case NodeProto::Attribute:
        node.attributes.push_back(read_attribute(message.bytes(), message.origin(), scope));
        break;
      case NodeProto::MetadataProps: {
        const auto [key, value] = read_entry(message);
        node.metadata.add(key, value);
        break;
      }
      default:
        message.skip();
    }
  }
  if (node.op_type.empty()) message.fail_here("a node has no op_type");
}

AttributeValue GraphReader::read_body(Message<GraphProto> message, const Scope& outer) {
  Scope scope{&outer, outer.depth + 1, outer.is_in_function};
  if (scope.depth > options_.max_depth) {
    fail("graphs inside graphs are more than " + std::to_string(options_.max_depth) + " deep");
  }
  return std::make_shared<Graph>(read_graph(message, scope));
}

ValueId GraphReader::define(std::string_view name, Scope& scope) {
  const auto [found, is_new] = scope.names.try_emplace(name, kNoValue);
  if (is_new) {
    Value value;
    value.name = name;
    found->second = model_.add_value(std::move(value));
  }
  return found->second;
}

ValueId GraphReader::resolve(std::string_view name, Scope& scope) {
  if (name.empty()) return kNoValue;
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    if (const auto found = at->names.find(name); found != at->names.end()) return found->second;
  }
  return define(name, scope);
}

// ONNX wants nodes in topological order, which no graph with a cycle has. A body may use what its outer graphs made.
ValueId GraphReader::resolve_input(std::string_view name, Scope& scope) {
  const ValueId value = resolve(name, scope);
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    if (at->pending.contains(value)) {
      fail("input '" + std::string(name) + "' is made by this node or a later one: nodes are not in topological order");
    }
  }
  return value;
}

Function GraphReader::read_function(Message<FunctionProto> message) {
  Function function;
  function.body = std::make_shared<Graph>();
  Graph& body = *function.body;
  Scope scope;
  scope.is_in_function = true;
  auto definitions = message;
  while (definitions.next()) {
    if (definitions.tag() == FunctionProto::Input) {
      body.inputs.push_back(define(definitions.bytes(), scope));
    } else if (definitions.tag() == FunctionProto::Node) {
      define_outputs(definitions.message<NodeProto>(), scope);
    } else {
      definitions.skip();
    }
  }
  while (message.next()) {
    switch (message.tag()) {
      case FunctionProto::Name:
        function.name = message.string();
        break;
      case FunctionProto::Domain:
        function.domain = message.string();
        break;
      case FunctionProto::Overload:
        function.overload = message.string();
        break;
      case FunctionProto::Output:
        body.outputs.push_back(resolve(message.bytes(), scope));
        break;
      case FunctionProto::Attribute:
        function.attributes.push_back(message.string());
        break;
      case FunctionProto::AttributeProto:
        function.defaulted.push_back({message.string()});
        break;
      case FunctionProto::OpsetImport:
        function.opsets.push_back(read_opset(message));
        break;
      case FunctionProto::ValueInfo:
        apply_value_info(message.message<ValueInfoProto>(), scope);
        break;
      case FunctionProto::Node:
        add_node(message.message<NodeProto>(), scope, body);
        break;
      default:
        message.skip();
    }
  }
  body.name = function.name;
  return function;
}

// Two bodies may have used one name for different things.
void GraphReader::rename_moved_initializers() {
  if (moved_.empty()) return;
  std::unordered_map<std::string, int> uses;
  std::unordered_map<std::string, int> last_number;
  for (const auto& value : model_.values) ++uses[value.name];
  for (const auto id : moved_) {
    const std::string name = model_.values[id].name;
    if (uses[name] == 1) continue;
    --uses[name];
    std::string unique;
    do {
      unique = name + "_" + std::to_string(++last_number[name]);
    } while (uses.contains(unique));
    uses[unique] = 1;
    model_.values[id].name = unique;
  }
}

}  // namespace modelexport::onnx
