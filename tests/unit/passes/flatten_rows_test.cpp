#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "passes/small_model.h"

namespace modelexport::passes {
namespace {

using onnx::ValueId;
using testing::ElementsAre;

struct Rows : PassModel {
  ValueId linear(const std::string& name, ValueId x, int64_t in, int64_t out, std::vector<int64_t> rows,
                 ScopeId scope = kRootScope) {
    rows.push_back(out);
    const ValueId product = add("MatMul", {x, weight(name, {in, out})}, rows, {}, scope);
    return add("Add", {product, weight(name + "_bias", {out})}, rows, {}, scope);
  }
};

TEST(FlattenRows, PutsTwoReshapesAroundARegion) {
  Rows m;
  const ValueId x = m.input({2, 3, 4});
  const ValueId hidden = m.linear("first", x, 4, 8, {2, 3});
  const ValueId norm = m.add("LayerNormalization", {hidden, m.weight("norm", {8})}, {2, 3, 8}, {{"axis", int64_t{2}}});
  const ValueId out = m.linear("second", norm, 8, 4, {2, 3});
  m.output(m.add("Add", {out, x}, {2, 3, 4}));
  EXPECT_TRUE(flatten_rows(m.model, m.context()));
  EXPECT_THAT(m.op_types(),
              ElementsAre("Reshape", "MatMul", "Add", "LayerNormalization", "MatMul", "Add", "Add", "Reshape"));
  const auto& nodes = m.model.graph.nodes;
  EXPECT_THAT(m.sizes(nodes[1].outputs[0]), ElementsAre(6, 8));
  EXPECT_EQ(std::get<int64_t>(nodes[3].attributes[0].value), -1);  // of two axes now
  EXPECT_EQ(nodes[6].inputs[1], nodes[0].outputs[0]);              // x is brought into the form once
  EXPECT_EQ(nodes[7].outputs[0], m.model.graph.outputs[0]);
}

TEST(FlattenRows, LeavesOutWhatRearrangesRows) {
  Rows m;
  const ValueId x = m.input({2, 3, 4});
  const ValueId hidden = m.linear("first", x, 4, 8, {2, 3});
  const ValueId moved = m.add("Reshape", {hidden, m.ints({1, 6, 8})}, {1, 6, 8});
  m.output(m.linear("second", moved, 8, 4, {1, 6}));
  EXPECT_TRUE(flatten_rows(m.model, m.context()));
  EXPECT_THAT(m.op_types(), ElementsAre("Reshape", "MatMul", "Add", "MatMul", "Add", "Reshape"));
}

TEST(FlattenRows, AReshapeBehindReadsTheMatrix) {
  Rows m;
  const ValueId hidden = m.linear("q", m.input({2, 3, 4}), 4, 8, {2, 3});
  m.output(m.add("Reshape", {hidden, m.ints({2, 3, 2, 4})}, {2, 3, 2, 4}));
  EXPECT_TRUE(flatten_rows(m.model, m.context()));
  EXPECT_THAT(m.op_types(), ElementsAre("Reshape", "MatMul", "Add", "Reshape"));
}

TEST(FlattenRows, LeavesWhatWouldTakeMoreNodes) {
  Rows m;
  m.output(m.linear("only", m.input({2, 3, 4}), 4, 8, {2, 3}));
  EXPECT_FALSE(flatten_rows(m.model, m.context()));
  EXPECT_THAT(m.op_types(), ElementsAre("MatMul", "Add"));
}

TEST(FlattenRows, LeavesOutReshapesAroundGemms) {
  Rows m;
  const ValueId a = m.add("Reshape", {m.input({6, 4}), m.ints({2, 3, 4})}, {2, 3, 4});
  const ValueId b = m.add("Relu", {a}, {2, 3, 4});
  m.output(m.add("Reshape", {b, m.ints({6, 4})}, {6, 4}));
  EXPECT_TRUE(flatten_rows(m.model, m.context()));
  merge_reshapes(m.model, m.context());
  drop_neutral(m.model, m.context());
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Relu", "Reshape"));  // a model's own output keeps its node
}

TEST(FlattenRows, LeavesWhatMixesRows) {
  Rows m;
  const ValueId x = m.input({2, 3, 4});
  const ValueId hidden = m.linear("first", x, 4, 4, {2, 3});
  const ValueId mixed = m.add("Softmax", {hidden}, {2, 3, 4}, {{"axis", int64_t{1}}});
  m.output(m.linear("second", mixed, 4, 4, {2, 3}));
  EXPECT_FALSE(flatten_rows(m.model, m.context()));
}

TEST(FlattenRows, WhatServesSeveralModulesBelongsToTheirAncestor) {
  Rows m;
  const ValueId x = m.input({2, 3, 4});
  const ScopeId first = m.module("first");
  const ScopeId second = m.module("second");
  const ValueId a = m.linear("first", x, 4, 4, {2, 3}, first);
  const ValueId b = m.linear("second", x, 4, 4, {2, 3}, second);
  m.output(m.add("Reshape", {a, m.ints({6, 2, 2})}, {6, 2, 2}));
  m.output(m.add("Reshape", {b, m.ints({6, 2, 2})}, {6, 2, 2}));
  EXPECT_TRUE(flatten_rows(m.model, m.context()));
  const onnx::Node& reshape = m.model.graph.nodes[0];
  EXPECT_EQ(reshape.op_type, "Reshape");
  EXPECT_EQ(reshape.scope, kRootScope);
  EXPECT_THAT(reshape.sources, ElementsAre(first, second));
}

TEST(MergeBias, MakesOneGemmOfProductAndSum) {
  Rows m;
  m.output(m.linear("layer", m.input({6, 4}), 4, 8, {6}));
  EXPECT_TRUE(merge_bias(m.model, m.context()));
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Gemm"));
  EXPECT_EQ(m.model.graph.nodes[0].inputs.size(), 3U);
}

TEST(MergeBias, LeavesProductsOfMoreAxesAndThoseReadTwice) {
  Rows m;
  m.output(m.linear("layer", m.input({2, 3, 4}), 4, 8, {2, 3}));
  const ValueId product = m.add("MatMul", {m.input({6, 4}), m.weight("w", {4, 8})}, {6, 8});
  m.output(product);
  m.output(m.add("Add", {product, m.weight("b", {8})}, {6, 8}));
  EXPECT_FALSE(merge_bias(m.model, m.context()));
}

}  // namespace
}  // namespace modelexport::passes
