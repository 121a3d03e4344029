#include "lower/functionalize.h"

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

Argument value(ValueId id) { return modelexport::testing::ref(id); }

const Value kMask = tensor({4}, {}, DType::Bool);

// x and a mask that fits its rows and its columns.
struct Square : TestProgram {
  ValueId x = input(tensor({4, 4}));
  ValueId mask = input(kMask);

  ValueId row(ValueId of, int64_t index, ScopeId scope = kRootScope) {
    return call("aten::select.int", {value(of), {int64_t{0}}, {index}}, {tensor({4})}, scope)[0];
  }
  ValueId fill(ValueId what, Value like, ScopeId scope = kRootScope, bool recorded = true) {
    return call("aten::masked_fill_.Scalar", {value(what), value(mask), {int64_t{7}}}, {std::move(like)}, scope,
                recorded)[0];
  }
  std::vector<std::string> functional() {
    report = functionalize(program, options);
    return text_of(program.main());
  }
  FunctionalizeOptions options;
  FunctionalizeReport report;
};

TEST(Functionalize, LeavesProgramsWithoutWritesAlone) {
  Square p;
  p.output(p.row(p.x, 1));
  EXPECT_THAT(p.functional(), ElementsAre("%2 = aten::select.int(%0, 0, 1)", "return %2"));
  EXPECT_TRUE(p.report.mutated.empty());
}

TEST(Functionalize, WritesThroughAViewIntoItsBase) {
  Square p;
  const ValueId row = p.row(p.x, 1);
  p.fill(row, tensor({4}));
  p.output(p.x);
  p.output(row);
  EXPECT_THAT(p.functional(), ElementsAre("%2 = aten::select.int(%0, 0, 1)", "%3 = aten::masked_fill.Scalar(%2, %1, 7)",
                                          "%4 = aten::select_scatter(%0, %3, 0, 1)", "return %4 %3"));
  EXPECT_THAT(p.report.mutated, ElementsAre("in0"));
}

TEST(Functionalize, DoesNotTouchTheBaseUntilItIsRead) {
  Square p;
  const ValueId row = p.row(p.x, 1);
  p.fill(row, tensor({4}));
  p.fill(row, tensor({4}));
  p.output(row);
  EXPECT_THAT(p.functional(), ElementsAre("%2 = aten::select.int(%0, 0, 1)", "%3 = aten::masked_fill.Scalar(%2, %1, 7)",
                                          "%4 = aten::masked_fill.Scalar(%3, %1, 7)", "return %4"));
}

TEST(Functionalize, TakesOtherViewsAgain) {
  Square p;
  const ValueId other = p.row(p.x, 1);
  const ValueId row = p.row(p.x, 1);
  p.fill(row, tensor({4}));
  p.output(other);
  EXPECT_THAT(p.functional(),
              ElementsAre("%2 = aten::select.int(%0, 0, 1)", "%3 = aten::select.int(%0, 0, 1)",
                          "%4 = aten::masked_fill.Scalar(%3, %1, 7)", "%5 = aten::select_scatter(%0, %4, 0, 1)",
                          "%6 = aten::select.int(%5, 0, 1)", "return %6"));
}

TEST(Functionalize, JoinsThePiecesOfASplitOnce) {
  Square p;
  const auto halves = p.call("aten::split.Tensor", {value(p.x), {int64_t{1}}, {int64_t{0}}},
                             {tensor({1, 4}), tensor({1, 4}), tensor({1, 4}), tensor({1, 4})});
  p.fill(halves[0], tensor({1, 4}));
  p.fill(halves[2], tensor({1, 4}));
  p.output(halves[1]);
  p.output(p.x);
  EXPECT_THAT(
      p.functional(),
      ElementsAre("%2, %3, %4, %5 = aten::split.Tensor(%0, 1, 0)", "%6 = aten::masked_fill.Scalar(%2, %1, 7)",
                  "%7 = aten::masked_fill.Scalar(%4, %1, 7)", "%8 = aten::cat([%6, %3, %7, %5], 0)", "return %3 %8"));
}

TEST(Functionalize, FollowsTheRecordedLayoutOfReshape) {
  // Of a row-major tensor it is a view, of its transpose a copy.
  Square p;
  const ValueId flat = p.call("aten::reshape", {value(p.x), ints({16})}, {tensor({16})})[0];
  const ValueId turned = p.call("aten::t", {value(p.x)}, {tensor({4, 4}, {1, 4})})[0];
  const ValueId copied = p.call("aten::reshape", {value(turned), ints({16})}, {tensor({16})})[0];
  p.fill(copied, tensor({16}));
  p.output(p.x);
  p.fill(flat, tensor({16}));
  p.output(p.x);
  const auto lines = p.functional();
  EXPECT_EQ(lines[5], "%7 = aten::view(%6, [4, 4])");
  EXPECT_EQ(lines.back(), "return %7 %7");
  EXPECT_EQ(lines.size(), 7U);
}

TEST(Functionalize, ReadsAnInputThatWasViewedInPlace) {
  Square p;
  const ValueId turned = p.call("aten::t_", {value(p.x)}, {tensor({4, 4}, {1, 4})})[0];
  p.fill(turned, tensor({4, 4}, {1, 4}));
  p.output(turned);
  EXPECT_THAT(p.functional(), ElementsAre("%2 = aten::t(%0)", "%3 = aten::masked_fill.Scalar(%2, %1, 7)", "return %3"));
}

TEST(Functionalize, GivesGeneratedCallsTheScopeThatSeesBothTensors) {
  Square p;
  ModuleTree& modules = p.program.modules;
  const ScopeId a = modules.enter(kRootScope, "a", "A", 0);
  const ScopeId b = modules.enter(kRootScope, "b", "B", 0);
  // Made and written in a, read in b: a's. Then made in the root, written in b: the root's.
  p.fill(p.row(p.x, 0, a), tensor({4}), a);
  const ValueId read = p.call("aten::alias", {value(p.x)}, {tensor({4, 4})}, b)[0];
  p.fill(p.row(read, 1), tensor({4}), b);
  p.output(p.x);
  p.functional();
  std::vector<std::pair<ScopeId, Provenance>> scatters;
  for (const auto& node : p.program.main().nodes) {
    if (node.target == "aten::select_scatter") scatters.emplace_back(node.scope, node.provenance);
  }
  EXPECT_THAT(scatters, ElementsAre(std::pair(a, Provenance::Exact), std::pair(kRootScope, Provenance::Merged)));
}

TEST(Functionalize, ShowsWrittenBuffersWhenAsked) {
  for (const bool buffer_outputs : {false, true}) {
    Square p;
    const ValueId buffer = p.input(tensor({4}), program::InputKind::Buffer, "layer.count");
    p.fill(buffer, tensor({4}));
    p.output(p.x);
    p.options.buffer_outputs = buffer_outputs;
    p.functional();
    EXPECT_THAT(p.report.mutated, ElementsAre("layer.count"));
    const auto& outputs = p.program.main().outputs;
    ASSERT_EQ(outputs.size(), buffer_outputs ? 2U : 1U);
    if (buffer_outputs) {
      EXPECT_EQ(outputs[1].kind, program::OutputKind::BufferMutation);
      EXPECT_EQ(outputs[1].target, "layer.count");
    }
  }
}

TEST(Functionalize, RefusesToWriteToExpandedMemory) {
  Square p;
  const ValueId row = p.row(p.x, 0);
  const ValueId wide = p.call("aten::expand", {value(row), ints({4, 4})}, {tensor({4, 4}, {0, 1})})[0];
  p.fill(wide, tensor({4, 4}, {0, 1}));
  EXPECT_THAT([&] { p.functional(); }, ThrowsMessage<Error>(HasSubstr("clone() it before writing")));
}

TEST(Functionalize, RefusesToWriteThroughExpandedMemory) {
  Square p;
  const ValueId row = p.row(p.x, 0);
  const ValueId wide = p.call("aten::expand", {value(row), ints({4, 4})}, {tensor({4, 4}, {0, 1})})[0];
  p.fill(p.row(wide, 2), tensor({4}));
  p.output(p.x);
  EXPECT_THAT([&] { p.functional(); }, ThrowsMessage<Error>(HasSubstr("more than one element")));
}

TEST(Functionalize, RefusesASubGraphThatWritesToItsInputs) {
  Square p;
  const uint32_t index = p.builder.begin_graph();
  const ValueId inner = p.input(tensor({4}));
  const ValueId mask = p.input(kMask);
  p.call("aten::masked_fill_.Scalar", {value(inner), value(mask), {int64_t{1}}}, {tensor({4})});
  p.builder.end_graph();
  p.call("higher_order::cond", {{true}, {program::GraphRef{index}}, {program::GraphRef{index}}, {Arguments{}}}, {});
  EXPECT_THAT([&] { p.functional(); }, ThrowsMessage<Error>(HasSubstr("writes to its inputs")));
}

TEST(Functionalize, LeavesWritesWithoutATwinForTheDriver) {
  Square p;
  p.builder.call("mylib::scale_", "mylib::scale_(Tensor(a!) x) -> Tensor(a!)", {value(p.x)}, {},
                 {p.builder.add_value(tensor({4, 4}))}, kRootScope, true);
  p.output(p.x);
  EXPECT_THAT(p.functional(), ElementsAre("%2 = mylib::scale_(%0)", "return %0"));
}

// More than a billion steps, were the whole chain looked at for every call.
TEST(Functionalize, IsLinearInTheDepthOfAChainOfViews) {
  Square p;
  ValueId last = p.x;
  constexpr int kDepth = 50'000;
  for (int i = 0; i < kDepth; ++i) {
    last = p.call("aten::view", {value(last), ints({4, 4})}, {tensor({4, 4})})[0];
    p.fill(last, tensor({4, 4}));
  }
  p.output(p.x);
  EXPECT_EQ(p.functional().size(), 3U * kDepth + 1);
}

}  // namespace
}  // namespace modelexport::lower
