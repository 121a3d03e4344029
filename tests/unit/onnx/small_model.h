// Models made by hand, for tests of the ONNX reader and writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

template <typename Number>
TensorView tensor_of(DType dtype, std::vector<int64_t> sizes, const std::vector<Number>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(Number));
  if (!bytes.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return make_tensor(dtype, std::move(sizes), std::move(bytes));
}

// float32 0, 1, 2, ...
inline TensorView counting(std::vector<int64_t> sizes) {
  int64_t count = 1;
  for (const auto size : sizes) count *= size;
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  return tensor_of(DType::Float32, std::move(sizes), numbers);
}

inline TensorView transposed(TensorView matrix) {
  std::swap(matrix.sizes[0], matrix.sizes[1]);
  std::swap(matrix.strides[0], matrix.strides[1]);
  return matrix;
}

struct SmallModel {
  Model model;

  SmallModel() {
    model.producer_name = "test";
    model.opsets = {{"", 20}};
    model.graph.name = "main";
  }

  ValueId value(const std::string& name, DType dtype = DType::Undefined, std::optional<Shape> shape = std::nullopt) {
    Value value;
    value.name = name;
    value.dtype = dtype;
    value.shape = std::move(shape);
    return model.add_value(std::move(value));
  }

  ValueId input(const std::string& name, DType dtype, Shape shape) {
    model.graph.inputs.push_back(value(name, dtype, std::move(shape)));
    return model.graph.inputs.back();
  }

  ValueId initializer(const std::string& name, TensorView data) {
    Shape shape;
    for (const auto size : data.sizes) shape.push_back({size, ""});
    const auto id = value(name, data.dtype, std::move(shape));
    model.values[id].initializer = static_cast<int32_t>(model.initializers.size());
    Initializer initializer;
    initializer.value = id;
    initializer.data = std::move(data);
    model.initializers.push_back(std::move(initializer));
    return id;
  }

  // The node's output, named after the node.
  ValueId node(Graph& graph, const std::string& op_type, const std::string& name, std::vector<ValueId> inputs,
               std::vector<Attribute> attributes = {}) {
    Node node;
    node.op_type = op_type;
    node.name = name;
    node.inputs = std::move(inputs);
    node.outputs = {value(name + "_out", DType::Float32)};
    node.attributes = std::move(attributes);
    graph.nodes.push_back(std::move(node));
    return graph.nodes.back().outputs.front();
  }
  ValueId node(const std::string& op_type, const std::string& name, std::vector<ValueId> inputs,
               std::vector<Attribute> attributes = {}) {
    return node(model.graph, op_type, name, std::move(inputs), std::move(attributes));
  }
};

// A model with something of everything: all kinds of attributes, an omitted input, bodies that capture, metadata.
inline Model model_of_everything() {
  SmallModel small;
  const auto x = small.input("x", DType::Float32, {{-1, "batch"}, {2, ""}});
  const auto scalar = small.input("flag", DType::Bool, {});
  const auto weight = small.initializer("weight", transposed(counting({3, 2})));
  small.initializer("empty", counting({0, 4}));
  const auto y = small.node("MatMul", "/fc/MatMul", {x, weight});
  small.model.graph.nodes.back().metadata = {{"modelexport.tag", "/Net/Linear"}, {"empty", ""}};
  small.model.values[y].shape = Shape{{-1, "batch"}, {-1, ""}};
  const auto clipped = small.node("Clip", "/Clip", {y, kNoValue, kNoValue});

  auto then_body = std::make_shared<Graph>();
  then_body->name = "then";
  then_body->outputs = {small.node(*then_body, "Relu", "/then/Relu", {clipped})};
  auto else_body = std::make_shared<Graph>();
  else_body->name = "else";
  else_body->outputs = {small.node(*else_body, "Neg", "/else/Neg", {clipped})};
  const auto chosen = small.node("If", "/If", {scalar}, {{"then_branch", then_body}, {"else_branch", else_body}});

  const auto made = small.node("Everything", "/Everything", {chosen},
                               {{"i", int64_t{-5}},
                                {"f", 1.5F},
                                {"s", std::string("a\0b", 3)},
                                {"is", std::vector<int64_t>{1, -1, INT64_MIN}},
                                {"fs", std::vector<float>{0.5F, -2.0F}},
                                {"ss", std::vector<std::string>{"", "x"}},
                                {"none", std::vector<int64_t>{}},
                                {"t", transposed(counting({2, 3}))}});
  small.model.graph.nodes.back().domain = "custom";
  small.model.opsets.push_back({"custom", 1});
  small.model.values[made].is_sequence = true;
  small.model.metadata = {{"key", "value"}};
  small.model.doc_string = "doc";
  small.model.producer_version = "1";
  small.model.graph.outputs = {chosen, made};
  return std::move(small.model);
}

}  // namespace modelexport::onnx
