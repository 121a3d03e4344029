#include "program/program_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.h"

namespace modelexport::program {
namespace {

using testing::HasSubstr;

class BuilderTest : public testing::Test {
 protected:
  Node& call(std::string target, std::string_view schema, std::vector<Argument> positional,
             std::vector<NamedArgument> keyword = {}) {
    return builder.call(std::move(target), schema, std::move(positional), std::move(keyword), {}, kRootScope, true);
  }
  Program program;
  ProgramBuilder builder{program, {}};
  static constexpr std::string_view kAdd = "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor";
};

TEST_F(BuilderTest, ArgumentsAreNamedAndDefaultsFilledIn) {
  const Node& node = call("aten::add.Tensor", kAdd, {{ValueRef{0}}}, {{"other", {ValueRef{1}}}});
  ASSERT_EQ(node.args.size(), 3U);
  EXPECT_EQ(node.find("self")->as<ValueRef>()->id, 0U);
  EXPECT_EQ(node.find("other")->as<ValueRef>()->id, 1U);
  EXPECT_EQ(*node.find("alpha")->as<int64_t>(), 1);
  EXPECT_EQ(node.find("nothing"), nullptr);
  EXPECT_TRUE(builder.knows("aten::add.Tensor"));
  EXPECT_FALSE(builder.knows("aten::sub.Tensor"));
}

TEST_F(BuilderTest, WrongArgumentsAreRefused) {
  const Argument one{int64_t{1}};
  EXPECT_THROW(call("aten::add.Tensor", kAdd, {one}), Error);
  EXPECT_THROW(call("aten::add.Tensor", kAdd, {one, one, one, one}), Error);
  EXPECT_THROW(call("aten::add.Tensor", kAdd, {one, one}, {{"self", one}}), Error);
  EXPECT_THROW(call("aten::add.Tensor", kAdd, {one, one}, {{"beta", one}}), Error);
}

TEST_F(BuilderTest, PythonOperatorsHaveLettersAndHigherOrderOnesNumbers) {
  const Argument one{int64_t{1}};
  EXPECT_NE(call("_operator::add", "", {one, one}).find("b"), nullptr);
  EXPECT_NE(call("higher_order::cond", "", {one, one, one}, {{"key", one}}).find("2"), nullptr);
}

TEST_F(BuilderTest, ScopesFollowTheModuleStack) {
  const ScopeId second = builder.scope({{"L__self__", "", "m.Net"}, {"L__self___layer@1", "layer", "m.Layer"}});
  EXPECT_EQ(program.modules[second].path, "layer");
  EXPECT_EQ(program.modules[second].call, 1U);
  EXPECT_EQ(program.modules[kRootScope].qualified_class, "m.Net");
  EXPECT_EQ(builder.scope({}), kRootScope);
  EXPECT_TRUE(ProgramBuilder::is_record({{"L__self__", "", "m.Net"}}));
}

TEST_F(BuilderTest, TorchsMarkerForItsOwnCallsIsNoRecord) {
  constexpr const char* kMarker = "_empty_nn_module_stack_from_metadata_hook";
  EXPECT_FALSE(ProgramBuilder::is_record({{kMarker, kMarker, kMarker}}));
  EXPECT_FALSE(ProgramBuilder::is_record({}));
  EXPECT_EQ(builder.scope({{kMarker, kMarker, kMarker}}), kRootScope);
  EXPECT_EQ(program.modules.size(), 1U);
}

TEST_F(BuilderTest, GraphsNest) {
  const uint32_t inner = builder.begin_graph();
  builder.add_value(Value());
  EXPECT_EQ(&builder.graph(), program.graphs[inner].get());
  builder.end_graph();
  EXPECT_EQ(&builder.graph(), &program.main());
  EXPECT_TRUE(program.main().values.empty());
}

TEST(TargetNames, RoundTrip) {
  EXPECT_EQ(canonical_target("torch.ops.aten.add.Tensor"), "aten::add.Tensor");
  EXPECT_EQ(canonical_target("aten.relu.default"), "aten::relu");
  EXPECT_EQ(canonical_target("_operator.add"), "_operator::add");
  EXPECT_EQ(canonical_target("torch.sym_max"), "torch::sym_max");
  EXPECT_EQ(canonical_target("torch.ops.higher_order.cond"), "higher_order::cond");
  EXPECT_EQ(torch_name("aten::relu"), "aten.relu.default");
  EXPECT_EQ(torch_name("aten::add.Tensor"), "aten.add.Tensor");
  EXPECT_EQ(torch_name("_operator::add"), "_operator.add");
  EXPECT_EQ(torch_name("higher_order::cond"), "higher_order.cond");
}

}  // namespace
}  // namespace modelexport::program
