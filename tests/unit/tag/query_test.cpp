#include "tag/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.h"
#include "tag/python_list.h"

namespace modelexport::tag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Glob, StarsAndQuestionMarks) {
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("Mat*", "MatMul"));
  EXPECT_TRUE(glob_match("*a*b", "xaxbxab"));
  EXPECT_TRUE(glob_match("M?tMul", "MatMul"));
  EXPECT_FALSE(glob_match("Mat", "MatMul"));
  EXPECT_FALSE(glob_match("?", ""));
  EXPECT_FALSE(glob_match("*a*b", "xaxbxa"));
}

TEST(Glob, PathsGoByComponents) {
  EXPECT_TRUE(PathGlob("encoder.*.fc", '.').matches("encoder.layer.fc"));
  EXPECT_FALSE(PathGlob("encoder.*.fc", '.').matches("encoder.layer.0.fc"));
  EXPECT_TRUE(PathGlob("encoder.**.fc", '.').matches("encoder.layer.0.fc"));
  EXPECT_TRUE(PathGlob("encoder.**.fc", '.').matches("encoder.fc"));
  EXPECT_TRUE(PathGlob("a.**", '.').matches("a"));
  EXPECT_FALSE(PathGlob("a.**", '.').matches("ab"));
  EXPECT_TRUE(PathGlob("**.a.**.b", '.').matches("a.x.a.y.b"));
  EXPECT_TRUE(PathGlob("", '.').matches(""));
  EXPECT_FALSE(PathGlob("", '.').matches("a"));
  EXPECT_TRUE(PathGlob("/Net/**/Linear", '/').matches("/Net/Block.0/Linear"));
}

TEST(Glob, DoesNotBlowUp) {
  const std::string text(3000, 'a');
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*b", text));
}

NodeRecord node(const std::string& module, const std::string& op_type, const std::string& tag) {
  NodeRecord record;
  record.name = "/" + module + "/" + op_type;
  record.module = module;
  record.op_type = op_type;
  record.tag = tag;
  return record;
}

class QueryTest : public ::testing::Test {
 protected:
  QueryTest() {
    nodes_.push_back(node("encoder.layer.0.attention.self.query", "MatMul", "/Bert/BertLayer.0/BertAttention/Linear"));
    nodes_.push_back(node("encoder.layer.1.attention", "Add", "/Bert/BertLayer.1/BertAttention"));
    nodes_.push_back(node("pooler", "MatMul", "/Bert/Pooler"));
    nodes_.push_back(node("", "Shape", "/Bert"));
    nodes_[0].aten = "aten.linear.default";
    nodes_[1].provenance = Provenance::Merged;
    nodes_[2].call = 1;
    nodes_[3].role = onnx::Role::Auxiliary;
  }

  std::vector<int> matches(const std::string& text) {
    const Query query(text);
    std::vector<int> found;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (query.matches(nodes_[i])) found.push_back(static_cast<int>(i));
    }
    return found;
  }

  static std::string problem_of(const std::string& text) {
    try {
      Query query(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::vector<NodeRecord> nodes_;
};

TEST_F(QueryTest, FieldsSelect) {
  EXPECT_THAT(matches("module:encoder.layer.*.attention.** op:MatMul"), ElementsAre(0));
  EXPECT_THAT(matches("module:encoder.layer.*.attention.**"), ElementsAre(0, 1));
  EXPECT_THAT(matches("module:"), ElementsAre(3));
  EXPECT_THAT(matches("class:BertLayer"), ElementsAre(0, 1));
  EXPECT_THAT(matches("class:Bert"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(matches("class:Layer"), ElementsAre());
  EXPECT_THAT(matches("aten:aten.linear.default"), ElementsAre(0));
  EXPECT_THAT(matches("provenance:merged"), ElementsAre(1));
  EXPECT_THAT(matches("role:auxiliary"), ElementsAre(3));
  EXPECT_THAT(matches("tag:/Bert/*"), ElementsAre(2));
  EXPECT_THAT(matches("call:1"), ElementsAre(2));
  EXPECT_THAT(matches("name:/pooler/*"), ElementsAre(2));
  EXPECT_THAT(matches("domain:"), ElementsAre(0, 1, 2, 3));
}

TEST_F(QueryTest, BareWordsArePartsOfTheTagOrRoles) {
  EXPECT_THAT(matches("Attention"), ElementsAre(0, 1));
  EXPECT_THAT(matches("/Bert/BertLayer.0"), ElementsAre(0));
  EXPECT_THAT(matches("auxiliary"), ElementsAre(3));
  EXPECT_THAT(matches("core"), ElementsAre(0, 1, 2));
  EXPECT_THAT(matches("\"auxiliary\""), ElementsAre());
  EXPECT_THAT(matches(""), ElementsAre(0, 1, 2, 3));
}

TEST_F(QueryTest, BooleanOperatorsBindAsUsual) {
  EXPECT_THAT(matches("op:Add or op:MatMul class:Pooler"), ElementsAre(1, 2));
  EXPECT_THAT(matches("(op:Add or op:MatMul) class:Pooler"), ElementsAre(2));
  EXPECT_THAT(matches("op:MatMul and not class:Pooler"), ElementsAre(0));
  EXPECT_THAT(matches("not not op:Add"), ElementsAre(1));
  EXPECT_THAT(matches("not (op:Add or op:MatMul)"), ElementsAre(3));
  EXPECT_THAT(matches("op:\"MatMul\""), ElementsAre(0, 2));
}

TEST_F(QueryTest, ErrorsNameTheColumn) {
  EXPECT_THAT(problem_of("op:Add modul:x"), HasSubstr("query, column 8: there is no field 'modul' (fields: module,"));
  EXPECT_THAT(problem_of("(op:Add"), HasSubstr("column 8: expected ')'"));
  EXPECT_THAT(problem_of("op:Add)"), HasSubstr("column 7: nothing is open that this closes"));
  EXPECT_THAT(problem_of("op:Add or"), HasSubstr("column 10: the query ends"));
  EXPECT_THAT(problem_of("or op:Add"), HasSubstr("column 1: expected a term, found 'or'"));
  EXPECT_THAT(problem_of("tag:\"x"), HasSubstr("column 5: this quote is not closed"));
  EXPECT_THAT(problem_of(std::string(500, '(')), HasSubstr("nested more than"));
  EXPECT_THAT(problem_of(std::string(20000, 'a')), HasSubstr("longer than"));
}

// As Python's repr() prints them.
TEST(PythonList, QuotesAndEscapes) {
  EXPECT_EQ(print_python_list({}), "[]");
  EXPECT_EQ(print_python_list({"", "a.b"}), "['', 'a.b']");
  EXPECT_EQ(python_repr("it's"), "\"it's\"");
  EXPECT_EQ(python_repr("'\""), "'\\'\"'");
  EXPECT_EQ(python_repr("a\\b\n\x01"), "'a\\\\b\\n\\x01'");
}

TEST(PythonList, ReadsWhatItPrints) {
  const std::vector<std::string> items = {"", "it's", "'\"", "a\\b\n\t\r\x01", "\xc3\xa9"};
  EXPECT_EQ(parse_python_list(print_python_list(items)), items);
  EXPECT_EQ(parse_python_list("[]"), std::vector<std::string>());
  for (const char* bad : {"", "[", "['a'", "['a',]x", "['a' 'b']", "[a]", "['\\x1']", "['\\q']", "['a'] b", "['a]"}) {
    EXPECT_EQ(parse_python_list(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace modelexport::tag
