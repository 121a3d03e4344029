#include "onnx/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/small_model.h"
#include "onnx/text.h"

namespace modelexport::onnx {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Graph& body_of(Model& model, std::size_t node, std::size_t attribute) {
  return *std::get<std::shared_ptr<Graph>>(model.graph.nodes[node].attributes[attribute].value);
}

TEST(Lint, FindsNothingInASoundModel) { EXPECT_THAT(lint(model_of_everything()), IsEmpty()); }

TEST(Lint, FindsUsesBeforeDefinitions) {
  auto model = model_of_everything();
  std::swap(model.graph.nodes[0], model.graph.nodes[1]);
  EXPECT_THAT(lint(model), ElementsAre(HasSubstr("node 0 '/Clip' (Clip): '/fc/MatMul_out' is used before")));
}

TEST(Lint, FindsUsesOutsideOfABody) {
  auto model = model_of_everything();
  model.graph.outputs.push_back(body_of(model, 2, 0).outputs[0]);
  EXPECT_THAT(lint(model), ElementsAre(HasSubstr("'/then/Relu_out' is used outside of the graph")));
}

TEST(Lint, FindsUsesInBodiesOfWhatComesLater) {
  auto model = model_of_everything();
  body_of(model, 2, 0).nodes[0].inputs[0] = model.graph.nodes[3].outputs[0];
  EXPECT_THAT(lint(model),
              ElementsAre(HasSubstr("then_branch: node 0 '/then/Relu' (Relu): '/Everything_out' is used")));
}

TEST(Lint, FindsSecondDefinitions) {
  auto model = model_of_everything();
  model.graph.nodes[1].outputs = model.graph.nodes[0].outputs;
  EXPECT_THAT(lint(model), Contains(HasSubstr("'/fc/MatMul_out' is made a second time")));
}

TEST(Lint, FindsNamesThatAreNotUnique) {
  auto model = model_of_everything();
  model.graph.nodes[1].name = model.graph.nodes[0].name;
  model.values[model.graph.nodes[3].outputs[0]].name = "x";
  EXPECT_THAT(lint(model), ElementsAre(HasSubstr("node 1 '/fc/MatMul' (Clip): the name is not unique"),
                                       HasSubstr("there is another value named 'x'")));
}

TEST(Lint, FindsIdsOutOfRange) {
  auto model = model_of_everything();
  model.graph.nodes[0].inputs[0] = 1000;
  model.graph.outputs.push_back(kNoValue);
  EXPECT_THAT(lint(model), ElementsAre(HasSubstr("value 1000 of"), HasSubstr("output: value 4294967295 of")));
}

TEST(Lint, FindsInitializersThatAreWrong) {
  auto model = model_of_everything();
  model.initializers[0].data.offset = 7;
  model.values[model.initializers[1].value].initializer = 0;
  EXPECT_THAT(lint(model), ElementsAre(HasSubstr("'weight': tensor of float32"), HasSubstr("'empty' refers to")));
}

TEST(Text, ShowsAModel) {
  const std::string expected =
      R"(graph main(%x: float32[batch, 2], %flag: bool[]):
  %weight: float32[2, 3] = constant [0, 2, 4, 1, 3, 5]
  %empty: float32[0, 4] = constant []
  %/fc/MatMul_out: float32[batch, ?] = MatMul(%x, %weight)
  %/Clip_out: float32[...] = Clip(%/fc/MatMul_out, _, _)
  %/If_out: float32[...] = If(%flag) <then_branch = graph then():
    %/then/Relu_out: float32[...] = Relu(%/Clip_out)
    return %/then/Relu_out
  , else_branch = graph else():
    %/else/Neg_out: float32[...] = Neg(%/Clip_out)
    return %/else/Neg_out
  >
  %/Everything_out: sequence(float32[...]) = custom::Everything(%/If_out) <i = -5, f = 1.5, )" +
      std::string("s = \"a\0b\", ", 11) +
      R"(is = [1, -1, -9223372036854775808], fs = [0.5, -2], ss = ["", "x"], none = [], )"
      R"(t = float32[3, 2] [0, 3, 1, 4, 2, 5]>
  return %/If_out, %/Everything_out
)";
  EXPECT_EQ(print(model_of_everything()), expected);
}

}  // namespace
}  // namespace modelexport::onnx
