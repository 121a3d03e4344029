// An ONNX model as plain structs. Codecs live in reader.* and writer.*.
//
// All graphs of a model share one table of values, so that a body of If, Loop or Scan captures an outer value by
// naming its id. Ids index Model::values and stay valid.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "onnx/metadata.h"
#include "scope/module_tree.h"
#include "support/dtype.h"
#include "support/tensor_view.h"

namespace modelexport::onnx {

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0xffffffffU;  // an omitted optional input

// A number, a name (dim_param), or unknown (value < 0 and no name).
struct Dim {
  int64_t value = -1;
  std::string param;

  [[nodiscard]] bool is_static() const { return value >= 0; }
  friend bool operator==(const Dim&, const Dim&) = default;
};
using Shape = std::vector<Dim>;
[[nodiscard]] Shape static_shape(const std::vector<int64_t>& sizes);

struct Value {
  std::string name;
  DType dtype = DType::Undefined;
  std::optional<Shape> shape;  // nullopt: rank unknown
  bool is_sequence = false;    // sequence(tensor(dtype)) rather than tensor(dtype)
  // Index into Model::initializers, or -1.
  int32_t initializer = -1;
  // The TypeProto of what is neither a tensor nor a sequence of tensors (optionals, maps), as it was in the file.
  std::shared_ptr<const std::string> other_type{};
};

struct Graph;
// An AttributeProto as it was in the file, of a kind that the exporter never makes: a reference to an attribute of a
// function, a type, a sparse tensor, a list of tensors or graphs.
struct EncodedAttribute {
  std::string bytes;
};
// A tensor given as an attribute (Constant's value).
using AttributeValue = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                                    std::vector<std::string>, TensorView, std::shared_ptr<Graph>, EncodedAttribute>;
struct Attribute {
  std::string name;
  AttributeValue value;
};

// core: does what a user wrote; auxiliary: shape and constant plumbing (docs/tags.md).
enum class Role : uint8_t { Core, Auxiliary };

struct Node {
  std::string op_type;
  std::string domain;  // "" for ai.onnx
  std::string name;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Attribute> attributes;

  ScopeId scope = kRootScope;
  Provenance provenance = Provenance::Exact;
  Role role = Role::Core;
  std::string origin;            // the ATen overload: "aten.linear.default"
  std::vector<ScopeId> sources;  // of a merged node: the scopes it was made from
  Metadata metadata;             // written as metadata_props; filled in by tag/
  std::string overload;          // of the model-local function that is called

  [[nodiscard]] const Attribute* find(std::string_view attribute) const;
};

// A tensor of a type without fixed element size (strings, 4-bit numbers) has its whole storage as data: what raw_data
// holds or, for strings, the string_data fields of a TensorProto one behind the other.
struct Initializer {
  ValueId value = kNoValue;
  TensorView data;
  std::string source;         // the parameter it was made from, when it is not that parameter as it is
  bool is_parameter = false;  // a weight of the model (not folded, never evaluated)
  // Read from a file whose external data was not opened: location, offset, length.
  std::string external_location;
  uint64_t external_offset = 0;
  uint64_t external_length = 0;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;  // topologically sorted
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

struct OpsetImport {
  std::string domain;
  int64_t version = 0;
};

// A model-local function, as read from files of others; the exporter makes none.
struct Function {
  std::string domain;
  std::string name;
  std::string overload;
  std::vector<OpsetImport> opsets;
  std::vector<std::string> attributes;      // names of those that a call must give
  std::vector<EncodedAttribute> defaulted;  // those that a call may give
  std::shared_ptr<Graph> body;
};

struct Model {
  int64_t ir_version = 10;
  std::string producer_name;
  std::string producer_version;
  std::string doc_string;
  std::vector<OpsetImport> opsets;
  Metadata metadata;
  std::vector<Value> values;
  std::vector<Initializer> initializers;  // of all graphs
  std::vector<Function> functions;
  Graph graph;

  ValueId add_value(Value value);
  // `data` as a value of its type and shape. The reference is valid until the next one is added.
  Initializer& add_initializer(std::string name, TensorView data);
  // Null for a value that is computed or given, and for kNoValue.
  [[nodiscard]] const Initializer* initializer_of(ValueId id) const;
};

// Calls `visit(const Graph&, Node&)` for every node of every graph, bodies included, outer nodes first.
template <typename GraphT, typename Visit>
void for_each_node(GraphT& graph, Visit&& visit) {
  for (auto& node : graph.nodes) {
    visit(graph, node);
    for (auto& attribute : node.attributes) {
      if (auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute.value)) for_each_node(**body, visit);
    }
  }
}

}  // namespace modelexport::onnx
