#include "program/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program/lint.h"
#include "support/error.h"

namespace modelexport::program {
namespace {

constexpr std::string_view kProgram =
    R"(module "": m.Net
module "encoder": m.Encoder
module "encoder.layer.0": m.Layer
graph(%x: float32[2, s0], %n: SymInt(s0), %w: float16[3, 4]{1, 3} parameter "encoder.weight", %c: int64[] buffer "a b" transient, None):
  %y: float32[2, 2*s0 - 1] = aten::f(self=%x, dims=[0, -1, [%n, 1.5]], d=float16, m=memory_format(channels_last)) @encoder/encoder.layer.0#1
  %a: float32[2], %b.1: SymBool = higher_order::cond(0=%y, 1=graph(#1), 2=None, 3=True, 4="a\"b", 5=device("cpu"))
  %z: bool[(s0 + 1)//2, Max(3, s0)] = x::g(a=-inf, b=complex(1.0, -2.5), c=layout(strided), d=1e-05) @ inherited
  x::assert() @
  return %y, buffer "a b" = %z, 3
graph #1(%p: float32[2]):
  return %p
)";

TEST(ProgramText, RoundTrips) {
  const Program program = parse_program(kProgram, {});
  EXPECT_EQ(print(program), kProgram);
  lint(program);
}

TEST(ProgramText, ReadsWhatItSays) {
  const Program program = parse_program(kProgram, {});
  const Graph& graph = program.main();
  ASSERT_EQ(graph.nodes.size(), 4U);
  const Node& f = graph.nodes[0];
  EXPECT_EQ(program.modules[f.scope].path, "encoder.layer.0");
  EXPECT_EQ(program.modules[f.scope].call, 1U);
  EXPECT_EQ(program.modules[program.modules[f.scope].parent].path, "encoder");
  EXPECT_EQ(graph.nodes[1].provenance, Provenance::Fallback);
  EXPECT_EQ(graph.nodes[2].provenance, Provenance::Inherited);
  EXPECT_EQ(graph.nodes[3].provenance, Provenance::Exact);
  EXPECT_EQ(graph.inputs[2].kind, InputKind::Parameter);
  EXPECT_FALSE(graph.inputs[3].persistent);
  EXPECT_EQ(graph.outputs[1].kind, OutputKind::BufferMutation);
  EXPECT_EQ(graph.values[0].sizes[1], graph.values[1].scalar);
}

TEST(ProgramText, SchemasFillDefaultsIn) {
  const Schema relu = parse_schema("aten::f(Tensor self, int n=3) -> Tensor");
  const Program program = parse_program("graph(%x: int8[]): %y: int8[] = aten::f(self=%x) return %y",
                                        [&](std::string_view) { return &relu; });
  EXPECT_EQ(*program.main().nodes[0].find("n")->as<int64_t>(), 3);
}

TEST(ProgramText, WhatIsNoProgramIsRefused) {
  for (const char* text :
       {"nonsense", "graph", "graph(", "graph(%x: float33[]): return", "graph(): return %x",
        "graph(%x: int8[], %x: int8[]): return", "graph(): x::f(a=) return", "graph(): x::f(a=[1 return",
        "graph(): return graph #2(): return", "graph(%x: int8[s0+]): return", "graph(): x::f(a=b(1)) return"}) {
    EXPECT_THROW((void)parse_program(text, {}), Error) << text;
  }
  EXPECT_THROW((void)parse_program("graph(): x::f(a=" + std::string(10000, '['), {}), Error);
  EXPECT_THROW((void)parse_program("graph(%x: int8[" + std::string(10000, '('), {}), Error);
}

TEST(ProgramLint, FindsWhatIsBroken) {
  const auto lint_after = [](const auto& breaks) {
    Program program =
        parse_program("graph(%x: int8[]): %y: int8[] = aten::f(self=%x) %z: int8[] = x::g(a=%y) @ return %y", {});
    breaks(program);
    lint(program);
  };
  EXPECT_NO_THROW(lint_after([](Program&) {}));
  EXPECT_THROW(lint_after([](Program& p) { std::swap(p.main().nodes[0], p.main().nodes[1]); }), Error);
  EXPECT_THROW(lint_after([](Program& p) { p.main().nodes[1].outputs[0] = 1; }), Error);
  EXPECT_THROW(lint_after([](Program& p) { p.main().nodes[1].outputs[0] = 99; }), Error);
  EXPECT_THROW(lint_after([](Program& p) { p.main().nodes[1].scope = 9; }), Error);
  EXPECT_THROW(lint_after([](Program& p) { p.main().outputs[0].value = {ValueRef{77}}; }), Error);
  EXPECT_THROW(lint_after([](Program& p) { p.main().outputs[0].value = {GraphRef{1}}; }), Error);
  static const Schema other = parse_schema("aten::f(Tensor other) -> Tensor");
  EXPECT_THROW(lint_after([](Program& p) { p.main().nodes[0].schema = &other; }), Error);
}

}  // namespace
}  // namespace modelexport::program
