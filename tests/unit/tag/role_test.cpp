#include "tag/role.h"

#include <gtest/gtest.h>

#include "small_model.h"

namespace modelexport::tag {
namespace {

TEST(Role, PurposeLooksThroughOverloadsAndInPlaceForms) {
  EXPECT_TRUE(is_purpose_of("aten.view.default", "Reshape"));
  EXPECT_TRUE(is_purpose_of("aten.transpose_.default", "Transpose"));
  EXPECT_TRUE(is_purpose_of("aten.expand_copy.default", "Expand"));
  EXPECT_TRUE(is_purpose_of("aten._to_copy.default", "Cast"));
  EXPECT_TRUE(is_purpose_of("aten.embedding.default", "Gather"));
  EXPECT_FALSE(is_purpose_of("aten.view.default", "Concat"));
  EXPECT_FALSE(is_purpose_of("aten.linear.default", "Transpose"));
  EXPECT_FALSE(is_purpose_of("aten.t", "Reshape"));
  EXPECT_FALSE(is_purpose_of("", "Reshape"));
  EXPECT_FALSE(is_purpose_of("mylib.view.default", "Reshape"));
  // A name that is part of another one.
  EXPECT_FALSE(is_purpose_of("aten.e.default", "Equal"));
}

// x.view(x.size(0), -1) with a dynamic batch: only the Reshape is what the user wrote.
TEST(Role, WhatComputesSizesIsAuxiliary) {
  SmallModel m;
  const onnx::ValueId x = m.value("x");
  const onnx::ValueId zero = m.value("zero");
  m.model.initializers.push_back({});
  m.model.initializers.back().value = zero;
  const char* view = "aten.view.default";
  const onnx::ValueId shape = m.add("Shape", m.layer0, view, {x}).outputs[0];
  const onnx::ValueId size = m.add("Gather", m.layer0, "aten.select.int", {shape, zero}).outputs[0];
  const onnx::ValueId sizes = m.add("Concat", m.layer0, "aten.cat.default", {size, zero}).outputs[0];
  m.add("Reshape", m.layer0, view, {x, sizes});
  m.add("Relu", m.layer0, "aten.relu.default", {x});
  assign_roles(m.model);
  const auto role = [&](std::size_t i) { return m.model.graph.nodes[i].role; };
  EXPECT_EQ(role(0), onnx::Role::Auxiliary);
  EXPECT_EQ(role(1), onnx::Role::Auxiliary);
  EXPECT_EQ(role(2), onnx::Role::Auxiliary);
  EXPECT_EQ(role(3), onnx::Role::Core);
  EXPECT_EQ(role(4), onnx::Role::Core);
}

// torch.cat of tensors, torch.arange(x.size(1)), and a learned token expanded to the batch.
TEST(Role, DataMadeFromSizesIsCore) {
  SmallModel m;
  const onnx::ValueId x = m.value("x");
  const onnx::ValueId token = m.value("token");
  m.model.initializers.push_back({});
  m.model.initializers.back().value = token;
  m.model.initializers.back().is_parameter = true;
  const onnx::ValueId shape = m.add("Shape", m.layer0, "aten.sym_size.int", {x}).outputs[0];
  const onnx::ValueId range = m.add("Range", m.layer0, "aten.arange.default", {shape}).outputs[0];
  m.add("Unsqueeze", m.layer0, "aten.unsqueeze.default", {range});
  const onnx::ValueId tokens = m.add("Expand", m.layer0, "aten.expand.default", {token, shape}).outputs[0];
  m.add("Concat", m.layer0, "aten.cat.default", {tokens, x});
  assign_roles(m.model);
  EXPECT_EQ(m.model.graph.nodes[0].role, onnx::Role::Auxiliary);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(m.model.graph.nodes[i].role, onnx::Role::Core) << i;
}

TEST(Role, OperatorsOfOtherDomainsAreCore) {
  SmallModel m;
  m.add("Cast", m.layer0, "").domain = "com.example";
  assign_roles(m.model);
  EXPECT_EQ(m.model.graph.nodes[0].role, onnx::Role::Core);
}

}  // namespace
}  // namespace modelexport::tag
