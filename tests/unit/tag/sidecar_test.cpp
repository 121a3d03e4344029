#include "tag/sidecar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "small_model.h"
#include "support/error.h"
#include "support/json.h"
#include "tag/analysis.h"
#include "tag/onnx_tags.h"

namespace modelexport::tag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Written : SmallModel {
  std::string text;
  Written() {
    add("MatMul", fc0, "aten.linear.default", {value("x"), onnx::kNoValue});
    add("Concat", layer0, "aten.view.default");
    onnx::Node& merged = add("Conv", kRootScope, "aten.conv2d.default");
    merged.provenance = Provenance::Merged;
    merged.sources = {layer0, shared_again};
    add("MatMul", shared_again, "aten.linear.default");
    modules.modules = {{"", "app.Net", 1},           {"layers", "torch.nn.modules.container.ModuleList", 0},
                       {"layers.0", "app.Block", 0}, {"layers.0.fc", "torch.nn.modules.linear.Linear", 20},
                       {"layers.1", "app.Block", 0}, {"shared", "torch.nn.modules.linear.Linear", 20},
                       {"unused", "app.Block", 7}};
    const TagSummary summary = tag_model(model, modules);
    SidecarInfo info;
    info.model_path = "/somewhere/net.onnx";
    info.generated_at = "2026-01-01T00:00:00Z";
    info.strategy = "htp_builtin";
    info.operation_trace_length = 9;
    info.native_op_regions = 4;
    std::ostringstream out;
    write_sidecar(out, model, modules, summary, info);
    text = out.str();
  }
};

std::string problem_of(const std::string& text) {
  try {
    static_cast<void>(parse_sidecar(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Sidecar, LiesBesideTheModel) {
  EXPECT_EQ(sidecar_path("dir/bert.v2.onnx"), "dir/bert.v2_hierarchy.json");
  EXPECT_EQ(sidecar_path("bert"), "bert_hierarchy.json");
}

TEST(Sidecar, SaysWhatTheModelSays) {
  const Written w;
  const Sidecar sidecar = parse_sidecar(w.text);
  EXPECT_EQ(sidecar.info.model_path, "net.onnx");
  EXPECT_EQ(sidecar.info.strategy, "htp_builtin");
  EXPECT_EQ(sidecar.info.operation_trace_length, 9U);
  EXPECT_EQ(sidecar.info.native_op_regions, 4U);
  ASSERT_EQ(sidecar.nodes.size(), 4U);
  EXPECT_THAT(sidecar.nodes[0].inputs, ElementsAre("x", ""));
  EXPECT_THAT(sidecar.nodes[2].sources, ElementsAre("layers.0", "shared@1"));
  const Consistency same = compare_records(records_of(w.model), sidecar.nodes);
  EXPECT_TRUE(same.consistent());
  EXPECT_TRUE(same.onnx_has_tags);
}

TEST(Sidecar, SummarisesAndCounts) {
  const Written w;
  const json::Value root = json::parse(w.text);
  const json::Value& summary = root.at("summary");
  EXPECT_EQ(summary.at("total_operations").integer(), 4);
  EXPECT_EQ(summary.at("tagged_operations").integer(), 4);
  EXPECT_EQ(summary.at("unique_tags").integer(), 4);
  EXPECT_EQ(summary.at("provenance").at("merged").integer(), 1);
  EXPECT_EQ(summary.at("provenance").at("exact").integer(), 3);
  EXPECT_EQ(root.at("tag_statistics").at("/Net/Linear").integer(), 1);
}

TEST(Sidecar, ListsModulesWithCallsAndChildren) {
  const Written w;
  const Sidecar sidecar = parse_sidecar(w.text);
  ASSERT_EQ(sidecar.modules.size(), 7U);
  EXPECT_THAT(sidecar.modules[0].children, ElementsAre("layers", "shared", "unused"));
  EXPECT_THAT(sidecar.modules[1].children, ElementsAre("layers.0", "layers.1"));
  EXPECT_EQ(sidecar.modules[1].calls, 0U);
  EXPECT_EQ(sidecar.modules[3].class_name, "Linear");
  EXPECT_EQ(sidecar.modules[3].parameters, 20U);
  EXPECT_EQ(sidecar.modules[5].calls, 2U);
  EXPECT_EQ(sidecar.modules[6].calls, 0U);
}

TEST(Sidecar, SameModelSameBytes) { EXPECT_EQ(Written().text, Written().text); }

TEST(Sidecar, BelongsToOneModel) {
  Written w;
  const Sidecar sidecar = parse_sidecar(w.text);
  EXPECT_NO_THROW(check_belongs(sidecar, identify(w.model)));
  w.model.graph.nodes[1].op_type = "Split";
  EXPECT_THROW(check_belongs(sidecar, identify(w.model)), Error);
  w.model.graph.nodes.pop_back();
  EXPECT_THROW(check_belongs(sidecar, identify(w.model)), Error);
}

TEST(Sidecar, SaysWhatIsWrongAndWhere) {
  const std::string text = Written().text;
  EXPECT_THAT(problem_of("hello"), HasSubstr("not JSON at byte 1"));
  EXPECT_THAT(problem_of("{}"), HasSubstr("not a hierarchy sidecar"));
  EXPECT_THAT(problem_of("[1]"), HasSubstr("not a hierarchy sidecar"));
  EXPECT_THAT(problem_of(replaced(text, "\"version\": \"1.0\"", "\"version\": \"2.0\"")),
              HasSubstr("version 2.0 of the sidecar format cannot be read"));
  EXPECT_THAT(problem_of(replaced(text, "\"call\": 0", "\"call\": \"0\"")),
              HasSubstr("\"node_tags\": \"/layers.0/fc/MatMul\": \"call\": expected int, found string"));
  EXPECT_THAT(problem_of(replaced(text, "\"exact\", \"role\"", "\"sure\", \"role\"")),
              HasSubstr("'sure' is no provenance"));
  EXPECT_THAT(problem_of(replaced(text, "\"op_type\"", "\"op_tpye\"")), HasSubstr("the key \"op_type\" is missing"));
  EXPECT_THAT(problem_of(text.substr(0, text.size() / 2)), HasSubstr("not JSON at byte"));
}

TEST(Sidecar, AMissingFileIsNamed) {
  try {
    static_cast<void>(read_sidecar("/nowhere/net_hierarchy.json"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Io);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/net_hierarchy.json"));
  }
}

TEST(Analysis, NamesEveryDifference) {
  const Written w;
  std::vector<NodeRecord> onnx = records_of(w.model);
  std::vector<NodeRecord> sidecar = parse_sidecar(w.text).nodes;
  onnx[0].tag = "/Other";
  onnx[3].call = 0;
  sidecar[1].name = "/gone";
  const Consistency result = compare_records(onnx, sidecar);
  EXPECT_FALSE(result.consistent());
  ASSERT_EQ(result.mismatches.size(), 2U);
  EXPECT_EQ(result.mismatches[0].node, "/layers.0/fc/MatMul");
  EXPECT_EQ(result.mismatches[0].field, "tag");
  EXPECT_EQ(result.mismatches[0].in_onnx, "/Other");
  EXPECT_EQ(result.mismatches[0].in_sidecar, "/Net/Block.0/Linear");
  EXPECT_EQ(result.mismatches[1].field, "call");
  EXPECT_THAT(result.only_in_onnx, ElementsAre("/layers.0/Concat"));
  EXPECT_THAT(result.only_in_sidecar, ElementsAre("/gone"));
}

TEST(Analysis, AFileWithoutMetadataIsComparedByNames) {
  Written w;
  for (onnx::Node& node : w.model.graph.nodes) node.metadata.clear();
  const Consistency result = compare_records(records_of(w.model), parse_sidecar(w.text).nodes);
  EXPECT_TRUE(result.consistent());
  EXPECT_FALSE(result.onnx_has_tags);
}

TEST(Analysis, DiffsTagCounts) {
  const Written w;
  const std::vector<NodeRecord> before = records_of(w.model);
  std::vector<NodeRecord> after = before;
  EXPECT_THAT(diff_tags(before, after), IsEmpty());
  after[0].tag = "/Net/New";
  const std::vector<TagChange> changes = diff_tags(before, after);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].tag, "/Net/Block.0/Linear");
  EXPECT_EQ(changes[0].before, 1U);
  EXPECT_EQ(changes[0].after, 0U);
  EXPECT_EQ(changes[1].tag, "/Net/New");
}

TEST(Analysis, CsvQuotesWhatNeedsIt) {
  NodeRecord node;
  node.name = "a,\"b\"";
  node.op_type = "Add";
  std::ostringstream out;
  write_csv(out, {node});
  EXPECT_EQ(out.str(),
            "name,op_type,domain,graph,tag,module,call,provenance,role,aten\n"
            "\"a,\"\"b\"\"\",Add,,,,,0,exact,core,\n");
}

}  // namespace
}  // namespace modelexport::tag
