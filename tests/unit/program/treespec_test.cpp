#include "program/treespec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.h"

namespace modelexport::program {
namespace {

using ::testing::ElementsAre;

const std::string kLeaf = R"({"type": null, "context": null, "children_spec": []})";

std::string node(const std::string& type, const std::string& context, const std::string& children) {
  return R"({"type": ")" + type + R"(", "context": )" + context + R"(, "children_spec": [)" + children + "]}";
}

std::vector<std::string> names(const std::string& spec, const FieldNames& fields = {}) {
  return output_names("[1, " + spec + "]", fields);
}

TEST(OutputNames, AreKeysAndPositions) {
  EXPECT_THAT(names(kLeaf), ElementsAre("output"));
  EXPECT_THAT(names(node("builtins.tuple", R"("null")", kLeaf + "," + kLeaf)), ElementsAre("output_0", "output_1"));
  const std::string pair = node("builtins.list", R"("null")", kLeaf + "," + kLeaf);
  EXPECT_THAT(names(node("builtins.dict", R"("[\"logits\", \"past\"]")", kLeaf + "," + pair)),
              ElementsAre("logits", "past_0", "past_1"));
  EXPECT_THAT(names(node("builtins.dict", R"("[7]")", kLeaf)), ElementsAre("output_7"));
  EXPECT_THAT(names(node("builtins.dict", R"("[]")", "")), ElementsAre());
}

TEST(OutputNames, OfOtherContainers) {
  EXPECT_THAT(
      names(node("collections.defaultdict", R"({"default_factory_name": "list", "dict_context": ["k"]})", kLeaf)),
      ElementsAre("k"));
  EXPECT_THAT(names(node("m.Data", R"("[[\"a\", \"b\"], []]")", kLeaf + "," + kLeaf)), ElementsAre("a", "b"));
  EXPECT_THAT(names(node("collections.namedtuple", R"("m.Pair")", kLeaf + "," + kLeaf), {{"m.Pair", {"p", "q"}}}),
              ElementsAre("p", "q"));
  EXPECT_THAT(names(node("m.Unknown", R"("what is this")", kLeaf)), ElementsAre("output_0"));
}

TEST(OutputNames, RefuseWhatIsNoStructure) {
  for (const char* text : {"", "[]", "[2, {}]", "[1, {}]", "[1, {\"type\": \"a\"}]", "{}", "[1]"}) {
    EXPECT_THROW((void)output_names(text, {}), Error) << text;
  }
}

}  // namespace
}  // namespace modelexport::program
