#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "passes/small_model.h"

namespace modelexport::passes {
namespace {

using onnx::ValueId;
using testing::ElementsAre;

// Queries, keys and values of two heads of four: [2, 5, 3 * 8] to three times [2, 2, 5, 4].
struct Projected : PassModel {
  ValueId matrix = weight("qkv.weight", {6, 24});
  std::vector<ValueId> parts;

  explicit Projected(int64_t pieces = 3) {
    const ScopeId attention = module("attention");
    const ValueId product = add("MatMul", {input({2, 5, 6}), matrix}, {2, 5, 24}, {}, module("qkv"));
    const ValueId sum = add("Add", {weight("qkv.bias", {24}), product}, {2, 5, 24});
    const ValueId heads =
        add("Reshape", {sum, ints({2, 5, pieces, 24 / pieces / 4, 4})}, {2, 5, pieces, 24 / pieces / 4, 4});
    const ValueId turned =
        add("Transpose", {heads}, {pieces, 2, 24 / pieces / 4, 5, 4}, {{"perm", std::vector<int64_t>{2, 0, 3, 1, 4}}});
    for (int64_t i = 0; i < pieces; ++i) {
      const ValueId index = model.add_initializer("", onnx::tensor_of<int64_t>(DType::Int64, {}, {i})).value;
      parts.push_back(add("Gather", {turned, index}, {2, 24 / pieces / 4, 5, 4}, {{"axis", int64_t{0}}}, attention));
      output(parts.back());
    }
  }
};

TEST(SplitProjections, GivesEachPartItsOwn) {
  Projected m;
  EXPECT_TRUE(split_projections(m.model, m.context()));
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("MatMul", "Add", "Reshape", "Transpose", "MatMul", "Add", "Reshape",
                                        "Transpose", "MatMul", "Add", "Reshape", "Transpose"));
  const onnx::Node& product = m.model.graph.nodes[4];
  const onnx::Initializer& part = *m.model.initializer_of(product.inputs[1]);
  EXPECT_THAT(part.data.sizes, ElementsAre(6, 8));
  EXPECT_THAT(part.data.strides, ElementsAre(24, 1));  // where it lies in the whole
  EXPECT_EQ(part.data.offset, 8);
  EXPECT_EQ(part.source, "qkv.weight");
  const onnx::Node& transpose = m.model.graph.nodes[7];
  EXPECT_EQ(transpose.outputs[0], m.parts[1]);
  EXPECT_THAT(std::get<std::vector<int64_t>>(transpose.attributes[0].value), ElementsAre(0, 2, 1, 3));
  EXPECT_EQ(transpose.sources.size(), 2U);  // whose the Transpose and the Gather were
}

TEST(SplitProjections, LeavesAWeightThatIsReadElsewhere) {
  Projected m;
  m.output(m.add("Relu", {m.matrix}, {6, 24}));
  EXPECT_FALSE(split_projections(m.model, m.context()));
}

TEST(SplitProjections, LeavesAProjectionThatIsReadWhole) {
  Projected m;
  m.output(m.model.graph.nodes[3].outputs[0]);
  EXPECT_FALSE(split_projections(m.model, m.context()));
}

TEST(SplitProjections, LeavesPartsOfAnotherAxis) {
  Projected m;
  m.model.graph.nodes[3].attributes[0].value = std::vector<int64_t>{0, 2, 3, 1, 4};
  EXPECT_FALSE(split_projections(m.model, m.context()));
}

TEST(DropExpands, ReadsWhatWasExpandedWhereTheOtherOperandHasTheShape) {
  PassModel m;
  const ValueId x = m.input({2, 5, 6});
  const ValueId size = m.input({2, 5, 1});
  const ValueId wide = m.add("Expand", {size, m.ints({2, 5, 6})}, {2, 5, 6});
  m.output(m.add("Div", {x, wide}, {2, 5, 6}));
  EXPECT_TRUE(drop_expands(m.model, m.context()));
  remove_dead(m.model, m.context());
  EXPECT_THAT(m.op_types(), ElementsAre("Div"));
  EXPECT_THAT(m.model.graph.nodes[0].inputs, ElementsAre(x, size));
}

TEST(DropExpands, KeepsOneThatGivesTheResultItsShape) {
  PassModel m;
  const ValueId size = m.input({2, 5, 1});
  const ValueId wide = m.add("Expand", {size, m.ints({2, 5, 6})}, {2, 5, 6});
  m.output(m.add("Div", {m.input({5, 6}), wide}, {2, 5, 6}));
  m.output(m.add("Add", {wide, m.add("Expand", {size, m.ints({2, 5, 6})}, {2, 5, 6})}, {2, 5, 6}));
  EXPECT_TRUE(drop_expands(m.model, m.context()));
  remove_dead(m.model, m.context());
  // Of the sum's, one is enough.
  EXPECT_THAT(m.op_types(), ElementsAre("Expand", "Div", "Expand", "Add"));
}

}  // namespace
}  // namespace modelexport::passes
