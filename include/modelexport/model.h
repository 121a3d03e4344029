// An ONNX file as its tags tell it: what goes in and out, and for every node the nn.Module call that it came from.
//
//   const modelexport::Model model = modelexport::read_model("bert.onnx");
//   for (const modelexport::NodeRecord* node : modelexport::query(model, "module:encoder.** op:MatMul")) { ... }
//
// Weights are never read. docs/tags.md tells what tags are, and has the query language.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelexport {

enum class Provenance : uint8_t;
namespace onnx {
enum class Role : uint8_t;
}  // namespace onnx

// What is known of one node, from wherever it was read.
struct NodeRecord {
  std::string name;
  std::string op_type;
  std::string domain;
  std::string graph;                 // "/If.then_branch" for a node in a body; empty in the main graph
  std::string tag;                   // "/BertModel/BertEncoder/BertLayer.0"; empty when the node has none
  std::string module;                // dotted path
  uint32_t call = 0;                 // nth call of that module
  Provenance provenance{};           // provenance_of() has its name
  onnx::Role role{};                 // role_of() has its name
  std::string aten;                  // "aten.linear.default"
  std::vector<std::string> sources;  // of a merged node: module calls, "encoder.layer.0@1"
  std::vector<std::string> inputs;   // value names; "" for an omitted optional one
  std::vector<std::string> outputs;
};

// How sure a node's module is: "exact", "merged", "inherited" or "fallback".
[[nodiscard]] std::string_view provenance_of(const NodeRecord& node);
// "core" does what a user wrote; "auxiliary" is shape and constant plumbing.
[[nodiscard]] std::string_view role_of(const NodeRecord& node);

// A size of a tensor: a number, a name, or neither when it is unknown.
struct Dimension {
  std::optional<int64_t> value;
  std::string name;  // "batch"
};

// An input or output of the graph.
struct ValueInfo {
  std::string name;
  std::string dtype;                            // "float32"; empty when unknown or no tensor
  std::optional<std::vector<Dimension>> sizes;  // nothing: of unknown rank
};

struct Model {
  int64_t ir_version = 0;
  std::string producer_name;
  std::string producer_version;
  std::map<std::string, int64_t> opsets;  // domain ("" is ai.onnx) to version
  std::vector<ValueInfo> inputs;          // without those that are initializers
  std::vector<ValueInfo> outputs;
  std::vector<NodeRecord> nodes;  // of all graphs
};

// Tags are those of the ONNX metadata, or of the sidecar beside the file when it has none, or else empty. Throws Error
// when `path` is no ONNX file and when the sidecar beside it was written for another model.
[[nodiscard]] Model read_model(const std::string& path);

// The nodes that match, in order; they live in `model`. Throws Error naming the column where `text` makes no sense.
[[nodiscard]] std::vector<const NodeRecord*> query(const Model& model, std::string_view text);
// They would not outlive it.
std::vector<const NodeRecord*> query(Model&&, std::string_view) = delete;

}  // namespace modelexport
