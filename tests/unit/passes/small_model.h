// A model written node by node, for tests of passes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "onnx/model.h"
#include "onnx/small_model.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

struct PassModel {
  ModuleTree modules;
  onnx::Model model;

  PassModel() {
    modules.set_root_class("app.Net");
    model.opsets.push_back({"", 20});
  }

  [[nodiscard]] PassContext context(bool optimize = true) const { return {modules, optimize, false}; }

  ScopeId module(const std::string& path) { return modules.enter(kRootScope, path, "app.Layer", 0); }

  onnx::ValueId value(const std::vector<int64_t>& sizes) {
    onnx::Value value;
    value.dtype = DType::Float32;
    value.shape = onnx::static_shape(sizes);
    return model.add_value(std::move(value));
  }

  onnx::ValueId input(const std::vector<int64_t>& sizes) {
    model.graph.inputs.push_back(value(sizes));
    return model.graph.inputs.back();
  }

  onnx::ValueId weight(const std::string& name, std::vector<int64_t> sizes) {
    onnx::Initializer& weight = model.add_initializer(name, onnx::counting(std::move(sizes)));
    weight.is_parameter = true;
    return weight.value;
  }

  onnx::ValueId ints(const std::vector<int64_t>& numbers) { return add_ints(model, numbers); }

  // A node with one output of these sizes.
  onnx::ValueId add(const std::string& op_type, std::vector<onnx::ValueId> inputs, const std::vector<int64_t>& sizes,
                    std::vector<onnx::Attribute> attributes = {}, ScopeId scope = kRootScope) {
    onnx::Node node;
    node.op_type = op_type;
    node.inputs = std::move(inputs);
    node.outputs = {value(sizes)};
    node.attributes = std::move(attributes);
    node.scope = scope;
    model.graph.nodes.push_back(std::move(node));
    return model.graph.nodes.back().outputs.front();
  }

  void output(onnx::ValueId id) { model.graph.outputs.push_back(id); }

  [[nodiscard]] std::vector<std::string> op_types() const {
    std::vector<std::string> result;
    for (const onnx::Node& node : model.graph.nodes) result.push_back(node.op_type);
    return result;
  }
  [[nodiscard]] std::vector<int64_t> sizes(onnx::ValueId id) const {
    std::vector<int64_t> result;
    for (const onnx::Dim& dim : *model.values[id].shape) result.push_back(dim.value);
    return result;
  }
};

}  // namespace modelexport::passes
