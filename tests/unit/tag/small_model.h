// A hand-made model with its module tree, for tests of tags.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

// Net(ModuleList of two Block(Linear), shared Linear called twice), as torch.export would have recorded it.
struct SmallModel {
  ModuleTree modules;
  onnx::Model model;
  ScopeId layer0, fc0, layer1, shared, shared_again;

  SmallModel() {
    modules.set_root_class("app.Net");
    layer0 = modules.enter(kRootScope, "layers.0", "app.Block", 0);
    fc0 = modules.enter(layer0, "layers.0.fc", "torch.nn.modules.linear.Linear", 0);
    layer1 = modules.enter(kRootScope, "layers.1", "app.Block", 0);
    shared = modules.enter(kRootScope, "shared", "torch.nn.modules.linear.Linear", 0);
    shared_again = modules.enter(kRootScope, "shared", "torch.nn.modules.linear.Linear", 1);
    model.opsets.push_back({"", 20});
    model.graph.name = "main";
  }

  onnx::ValueId value(const std::string& name) {
    onnx::Value value;
    value.name = name;
    return model.add_value(value);
  }

  // Appends a node with one output, named after the node's number.
  onnx::Node& add(const std::string& op_type, ScopeId scope, const std::string& origin,
                  std::vector<onnx::ValueId> inputs = {}) {
    const onnx::ValueId output = value("v" + std::to_string(model.graph.nodes.size()));
    onnx::Node& node = model.graph.nodes.emplace_back();
    node.op_type = op_type;
    node.scope = scope;
    node.origin = origin;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    return node;
  }
};

}  // namespace modelexport::tag
