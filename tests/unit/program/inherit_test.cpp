#include "program/inherit.h"

#include <gtest/gtest.h>

#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::program {
namespace {

class InheritTest : public testing::Test {
 protected:
  // A call of `inputs` in `path`; no path: nothing recorded. Gives the id of its result.
  ValueId call(std::vector<ValueId> inputs, const char* path) {
    std::vector<Argument> arguments;
    for (const ValueId id : inputs) arguments.push_back({ValueRef{id}});
    return call_with(std::move(arguments), path);
  }
  ValueId call_with(std::vector<Argument> arguments, const char* path) {
    const ValueId result = builder.add_value(Value());
    builder.call("x::f", "", std::move(arguments), {}, {result}, path == nullptr ? kRootScope : scope(path),
                 path != nullptr);
    return result;
  }
  ScopeId scope(const char* path) {
    return program.modules.enter(program.modules.enter(kRootScope, "outer", "m.Outer", 0), path, "m.Inner", 0);
  }
  const Node& maker(ValueId id, std::size_t graph = 0) {
    for (const Node& node : program.graphs[graph]->nodes) {
      if (node.outputs.at(0) == id) return node;
    }
    throw std::logic_error("nobody makes it");
  }

  Program program;
  ProgramBuilder builder{program, {}};
};

TEST_F(InheritTest, FromTheCommonAncestorOfTheConsumersBeforeTheProducers) {
  const ValueId made = call({}, "outer.c");
  const ValueId shared = call({made}, nullptr);
  const ValueId lone = call({made}, nullptr);
  call({shared, lone}, "outer.a");
  call({shared}, "outer.b");
  const InheritReport report = inherit_scopes(program);
  EXPECT_EQ(program.modules[maker(shared).scope].path, "outer");
  EXPECT_EQ(program.modules[maker(lone).scope].path, "outer.a");
  EXPECT_EQ(maker(lone).provenance, Provenance::Inherited);
  EXPECT_EQ(report.unrecorded, 2U);
  EXPECT_EQ(report.inherited, 2U);
  EXPECT_EQ(report.fallback, 0U);
}

TEST_F(InheritTest, ThroughChainsInBothDirections) {
  const ValueId first = call({}, nullptr);
  const ValueId second = call({first}, nullptr);
  const ValueId middle = call({second}, "outer.a");
  const ValueId third = call({middle}, nullptr);
  const ValueId last = call({third}, nullptr);
  inherit_scopes(program);
  for (const ValueId id : {first, second, third, last}) {
    EXPECT_EQ(program.modules[maker(id).scope].path, "outer.a");
    EXPECT_EQ(maker(id).provenance, Provenance::Inherited);
  }
}

TEST_F(InheritTest, NothingToInheritFromIsTheRoot) {
  const ValueId alone = call({}, nullptr);
  call({}, "outer.a");
  const InheritReport report = inherit_scopes(program);
  EXPECT_EQ(report.fallback, 1U);
  fall_back(program, false);
  EXPECT_EQ(maker(alone).scope, kRootScope);
  EXPECT_EQ(maker(alone).provenance, Provenance::Fallback);
}

TEST_F(InheritTest, FallingBackCanBeRefused) {
  const ValueId made = call({}, "outer.a");
  call({made}, nullptr);
  inherit_scopes(program);
  EXPECT_NO_THROW(fall_back(program, true));
  call({}, nullptr);
  inherit_scopes(program);
  try {
    fall_back(program, true);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::ContextInheritance);
    EXPECT_NE(std::string(error.what()).find("1 operations"), std::string::npos);
  }
}

TEST_F(InheritTest, SubgraphsTakeTheirCallersScope) {
  const uint32_t index = builder.begin_graph();
  const ValueId inside = call({}, nullptr);
  const ValueId recorded = call({}, "outer.b");
  builder.end_graph();
  const ValueId condition = call_with({{GraphRef{index}}}, nullptr);
  call({condition}, "outer.a");
  inherit_scopes(program);
  EXPECT_EQ(program.modules[maker(condition).scope].path, "outer.a");
  EXPECT_EQ(program.modules[maker(inside, index).scope].path, "outer.a");
  EXPECT_EQ(maker(inside, index).provenance, Provenance::Inherited);
  EXPECT_EQ(maker(recorded, index).provenance, Provenance::Exact);
}

}  // namespace
}  // namespace modelexport::program
