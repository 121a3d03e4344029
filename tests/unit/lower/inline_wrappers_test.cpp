#include "lower/inline_wrappers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program_text.h"
#include "support/error.h"

namespace modelexport::lower {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace modelexport::testing;  // NOLINT(google-build-using-namespace)

Argument body(uint32_t index) { return {program::GraphRef{index}}; }
Argument value(ValueId id) { return modelexport::testing::ref(id); }

// A sub-graph that transposes its input and gives both.
uint32_t transposing_body(TestProgram& p, ScopeId scope, bool recorded) {
  const uint32_t index = p.builder.begin_graph();
  const ValueId x = p.input(tensor({2, 3}));
  const ValueId t = p.call("aten::t", {value(x)}, {tensor({3, 2}, {1, 3})}, scope, recorded)[0];
  p.output(t);
  p.output(x);
  p.builder.end_graph();
  return index;
}

TEST(InlineWrappers, BindsOperandsAndResults) {
  TestProgram p;
  const ValueId x = p.input(tensor({2, 3}));
  const uint32_t index = transposing_body(p, kRootScope, true);
  const auto results = p.call("higher_order::wrap_with_set_grad_enabled", {{false}, body(index), value(x)},
                              {tensor({3, 2}), tensor({2, 3})});
  const ValueId sum = p.call("aten::t", {value(results[0])}, {tensor({2, 3})})[0];
  p.output(results[1]);
  p.output(sum);
  inline_wrappers(p.program);
  EXPECT_THAT(text_of(p.program.main()), ElementsAre("%4 = aten::t(%0)", "%3 = aten::t(%4)", "return %0 %3"));
}

TEST(InlineWrappers, KeepsScopesAndLendsTheCallsOwnWhereNoneWasRecorded) {
  TestProgram p;
  const ScopeId outer = p.program.modules.enter(kRootScope, "outer", "Outer", 0);
  const ScopeId inner = p.program.modules.enter(outer, "outer.inner", "Inner", 0);
  const ValueId x = p.input(tensor({2, 3}));
  for (const bool recorded : {true, false}) {
    const uint32_t index = transposing_body(p, recorded ? inner : kRootScope, recorded);
    p.call("higher_order::invoke_subgraph", {body(index), {std::string("region")}, value(x)},
           {tensor({3, 2}), tensor({2, 3})}, outer);
  }
  inline_wrappers(p.program);
  const auto& nodes = p.program.main().nodes;
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].scope, inner);
  EXPECT_EQ(nodes[0].provenance, Provenance::Exact);
  EXPECT_EQ(nodes[1].scope, outer);
  EXPECT_EQ(nodes[1].provenance, Provenance::Inherited);
}

TEST(InlineWrappers, InlinesWrappersWithinWrappers) {
  TestProgram p;
  const ValueId x = p.input(tensor({2, 3}));
  const uint32_t outer = p.builder.begin_graph();
  const ValueId y = p.input(tensor({2, 3}));
  const uint32_t index = transposing_body(p, kRootScope, true);
  const auto inner =
      p.call("higher_order::strict_mode", {body(index), {Arguments{value(y)}}}, {tensor({3, 2}), tensor({2, 3})});
  p.output(inner[0]);
  p.builder.end_graph();
  p.output(p.call("higher_order::wrap", {body(outer), value(x)}, {tensor({3, 2})})[0]);
  inline_wrappers(p.program);
  EXPECT_THAT(text_of(p.program.main()), ElementsAre("%2 = aten::t(%0)", "return %2"));
}

TEST(InlineWrappers, WritesOutTheCastsOfAutocast) {
  for (const bool enabled : {true, false}) {
    TestProgram p;
    const ValueId x = p.input(tensor({2, 3}));
    const uint32_t index = p.builder.begin_graph();
    const ValueId a = p.input(tensor({2, 3}));
    p.output(p.call("mylib::mm", {value(a), value(a)}, {tensor({2, 2}, {}, DType::BFloat16)})[0]);
    auto& node = p.builder.graph().nodes.back();
    p.program.schemas.push_back(
        std::make_unique<program::Schema>(program::parse_schema("mylib::mm(Tensor a, Tensor b) -> Tensor")));
    node.schema = p.program.schemas.back().get();
    p.builder.end_graph();
    p.output(p.call("higher_order::wrap_with_autocast",
                    {{std::string("cpu")}, {DType::BFloat16}, {enabled}, {false}, body(index), value(x)},
                    {tensor({2, 2}, {}, DType::BFloat16)})[0]);
    inline_wrappers(p.program);
    const auto& nodes = p.program.main().nodes;
    ASSERT_EQ(nodes.size(), enabled ? 3U : 1U);
    EXPECT_EQ(nodes.front().target, enabled ? "aten::to.dtype" : "mylib::mm");
  }
}

TEST(InlineWrappers, RefusesTheWrongNumberOfOperands) {
  TestProgram p;
  const uint32_t index = transposing_body(p, kRootScope, true);
  p.call("higher_order::wrap", {body(index)}, {tensor({3, 2}), tensor({2, 3})});
  EXPECT_THAT([&] { inline_wrappers(p.program); }, ThrowsMessage<Error>(HasSubstr("gives 0 operands")));
}

}  // namespace
}  // namespace modelexport::lower
