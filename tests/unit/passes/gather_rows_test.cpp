#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/evaluate.h"
#include "passes/small_model.h"

namespace modelexport::passes {
namespace {

using onnx::ValueId;
using testing::ElementsAre;
using Ints = std::vector<int64_t>;

struct Moves : PassModel {
  // A roll of axis 1 by one, as Slices and a Concat write it.
  ValueId roll(ValueId x, const Ints& shape, ScopeId scope = kRootScope) {
    Ints first = shape;
    Ints last = shape;
    first[1] = 1;
    last[1] -= 1;
    const ValueId tail = add("Slice", {x, ints({-1}), ints({shape[1]}), ints({1})}, first, {}, scope);
    const ValueId head = add("Slice", {x, ints({0}), ints({-1}), ints({1})}, last, {}, scope);
    return add("Concat", {tail, head}, shape, {{"axis", int64_t{1}}}, scope);
  }

  ValueId transpose(ValueId x, const Ints& perm, const Ints& shape, ScopeId scope = kRootScope) {
    return add("Transpose", {x}, shape, {{"perm", perm}}, scope);
  }
};

TEST(GatherRows, ARollAndATransposeAreOneGather) {
  Moves m;
  const ScopeId block = m.module("block");
  const ValueId x = m.input({2, 3, 16});
  const ValueId rolled = m.roll(x, {2, 3, 16}, block);
  const ValueId out = m.transpose(rolled, {1, 0, 2}, {3, 2, 16});
  m.output(out);
  EXPECT_TRUE(gather_rows(m.model, m.context()));
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Reshape", "Gather", "Reshape"));
  const onnx::Node& gather = m.model.graph.nodes[1];
  EXPECT_EQ(onnx::read_ints(m.model.initializer_of(gather.inputs[1])->data), (Ints{2, 5, 0, 3, 1, 4}));
  EXPECT_EQ(m.model.graph.nodes[2].outputs[0], out);
  EXPECT_THAT(gather.sources, ElementsAre(kRootScope, block));
}

TEST(GatherRows, WhatComesBackInOrderIsAReshape) {
  Moves m;
  const ValueId turned = m.transpose(m.input({2, 3, 4}), {1, 0, 2}, {3, 2, 4});
  const ValueId parted = m.add("Reshape", {turned, m.ints({3, 2, 2, 2})}, {3, 2, 2, 2});
  m.output(m.transpose(parted, {1, 0, 2, 3}, {2, 3, 2, 2}));
  EXPECT_TRUE(gather_rows(m.model, m.context()));
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Reshape"));
}

TEST(GatherRows, LeavesShortRuns) {
  Moves m;
  const ValueId rolled = m.roll(m.input({2, 3, 8}), {2, 3, 8});
  m.output(m.transpose(rolled, {1, 0, 2}, {3, 2, 8}));
  EXPECT_FALSE(gather_rows(m.model, m.context()));
}

TEST(GatherRows, LeavesAChainThatIsReadOnTheWay) {
  Moves m;
  const ValueId turned = m.transpose(m.input({2, 3, 16}), {1, 0, 2}, {3, 2, 16});
  m.output(m.roll(turned, {3, 2, 16}));
  m.output(m.add("Relu", {turned}, {3, 2, 16}));
  EXPECT_TRUE(gather_rows(m.model, m.context()));  // the roll alone
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Transpose", "Reshape", "Gather", "Reshape", "Relu"));
}

TEST(GatherRows, LeavesOneCopyAndWhatJoinsTwoValues) {
  Moves m;
  const ValueId turned = m.transpose(m.input({2, 3, 16}), {1, 0, 2}, {3, 2, 16});
  m.output(m.add("Reshape", {turned, m.ints({6, 16})}, {6, 16}));
  const ValueId a = m.transpose(m.input({2, 3, 16}), {1, 0, 2}, {3, 2, 16});
  const ValueId b = m.transpose(m.input({2, 3, 16}), {1, 0, 2}, {3, 2, 16});
  m.output(m.add("Concat", {a, b}, {6, 2, 16}, {{"axis", int64_t{0}}}));
  EXPECT_FALSE(gather_rows(m.model, m.context()));
}

}  // namespace
}  // namespace modelexport::passes
