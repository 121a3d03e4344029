#include "lower/flex_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program_text.h"
#include "support/error.h"

namespace modelexport::lower {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;
using namespace modelexport::testing;  // NOLINT(google-build-using-namespace)

// A function of scalars that gives its first argument back.
Argument function_of(TestProgram& p, std::size_t arguments) {
  const uint32_t index = p.builder.begin_graph();
  const ValueId first = p.input(tensor({}));
  for (std::size_t i = 1; i < arguments; ++i) p.input(tensor({}));
  p.output(first);
  p.builder.end_graph();
  return {program::GraphRef{index}};
}

std::vector<Argument> operands(TestProgram& p, const std::vector<int64_t>& query_sizes) {
  const ValueId query = p.input(tensor(query_sizes));
  const ValueId key = p.input(tensor({2, 2, 7, 8}));
  const ValueId value = p.input(tensor({2, 2, 7, 6}));
  Arguments block_mask{Argument{int64_t{5}}, function_of(p, 4)};
  return {ref(query), ref(key), ref(value),    function_of(p, 5), {std::move(block_mask)},
          {0.5},      {},       {Arguments{}}, {Arguments{}}};
}

std::vector<program::Value> results() { return {tensor({2, 4, 5, 6}), tensor({2, 4, 5}), tensor({2, 4, 5})}; }

TEST(FlexAttention, BecomesMatmulsASoftmaxAndFunctionsUnderVmap) {
  TestProgram p;
  const auto outputs = p.call("higher_order::flex_attention", operands(p, {2, 4, 5, 8}), results());
  p.output(outputs[0]);
  write_out_flex_attention(p.program);
  const auto lines = text_of(p.program.main());
  EXPECT_THAT(lines, Each(Not(HasSubstr("flex_attention"))));
  for (const char* call : {"aten::repeat_interleave.self_int", "aten::matmul", "aten::_safe_softmax", "_add_batch_dim",
                           "higher_order::wrap", "_remove_batch_dim", "aten::where.ScalarOther"}) {
    EXPECT_THAT(lines, Contains(HasSubstr(call)));
  }
  EXPECT_EQ(p.program.main().nodes.back().outputs.front(), outputs[0]);
}

TEST(FlexAttention, RefusesWhatItIsNotCalledWith) {
  TestProgram few;
  few.call("higher_order::flex_attention", {ref(few.input(tensor({2, 4, 5, 8})))}, results());
  EXPECT_THAT([&] { write_out_flex_attention(few.program); }, ThrowsMessage<Error>(HasSubstr("other arguments")));
  TestProgram flat;
  flat.call("higher_order::flex_attention", operands(flat, {4, 5, 8}), results());
  EXPECT_THAT([&] { write_out_flex_attention(flat.program); }, ThrowsMessage<Error>(HasSubstr("four axes")));
}

}  // namespace
}  // namespace modelexport::lower
