#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/evaluate.h"
#include "passes/small_model.h"

namespace modelexport::passes {
namespace {

using onnx::ValueId;
using testing::ElementsAre;
using Ints = std::vector<int64_t>;

// A picture whose channels come last, as one whose channels come first, padded by one on two sides.
struct Padded : PassModel {
  ValueId x = input({1, 4, 5, 3});
  ValueId turned = add("Transpose", {x}, {1, 3, 4, 5}, {{"perm", Ints{0, 3, 1, 2}}}, module("turned"));
  ValueId padded = add("Pad", {turned, ints({0, 0, 1, 2, 0, 0, 0, 3})}, {1, 3, 5, 10}, {}, module("padded"));
};

TEST(PadEarly, PutsThePadInFrontOfTheTranspose) {
  Padded m;
  m.output(m.add("Reshape", {m.padded, m.ints({3, 50})}, {3, 50}));
  EXPECT_TRUE(pad_early(m.model, m.context()));
  EXPECT_THAT(m.op_types(), ElementsAre("Pad", "Transpose", "Reshape"));
  const onnx::Node& pad = m.model.graph.nodes[0];
  const onnx::Node& transpose = m.model.graph.nodes[1];
  EXPECT_EQ(pad.inputs[0], m.x);
  EXPECT_EQ(onnx::read_ints(m.model.initializer_of(pad.inputs[1])->data), (Ints{0, 1, 2, 0, 0, 0, 3, 0}));
  EXPECT_THAT(m.sizes(pad.outputs[0]), ElementsAre(1, 5, 10, 3));
  EXPECT_EQ(transpose.inputs[0], pad.outputs[0]);
  EXPECT_EQ(transpose.outputs[0], m.padded);
  EXPECT_EQ(m.modules[pad.scope].path, "padded");  // each stays its module's
}

TEST(PadEarly, LeavesOneThatNothingMovesBehind) {
  Padded m;
  m.output(m.add("Relu", {m.padded}, {1, 3, 5, 10}));
  EXPECT_FALSE(pad_early(m.model, m.context()));
}

TEST(PadEarly, LeavesATransposeThatOthersRead) {
  Padded m;
  m.output(m.turned);
  m.output(m.add("Reshape", {m.padded, m.ints({3, 50})}, {3, 50}));
  EXPECT_FALSE(pad_early(m.model, m.context()));
}

}  // namespace
}  // namespace modelexport::passes
