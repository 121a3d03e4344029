#include "tag/tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_model.h"
#include "support/error.h"
#include "tag/coverage.h"
#include "tag/onnx_tags.h"
#include "tag/scope_text.h"

namespace modelexport::tag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string metadata(const onnx::Node& node, const char* key) {
  return std::string(node.metadata.find(key).value_or("(none)"));
}

TEST(ScopeText, NumbersJoinTheAttributeBeforeThem) {
  EXPECT_EQ(name_prefix(""), "/");
  EXPECT_EQ(name_prefix("encoder.layer.0.attention.self.query"), "/encoder/layer.0/attention/self/query/");
  EXPECT_EQ(name_prefix("blocks.0.1.fc"), "/blocks.0.1/fc/");
  EXPECT_EQ(name_prefix("0.1"), "/0.1/");
}

TEST(ScopeText, ListIndexesStandOnTheChild) {
  EXPECT_EQ(tag_component("encoder.layer.0", "encoder", "a.BertLayer"), "BertLayer.0");
  EXPECT_EQ(tag_component("blocks.1.3", "", "a.Block"), "Block.1.3");
  EXPECT_EQ(tag_component("seq.0", "seq", "torch.nn.modules.linear.Linear"), "Linear.0");
  EXPECT_EQ(tag_component("encoder", "", "a.Encoder"), "Encoder");
  EXPECT_EQ(tag_component("d.first", "", "a.Block"), "Block");
  // A path that only looks as if it lay below.
  EXPECT_EQ(tag_component("seq2.0", "seq", "a.Block"), "Block.0");
  EXPECT_EQ(tag_component("0", "", "f.<locals>.Net"), "Net.0");
}

TEST(Tag, FollowsTheModuleStack) {
  SmallModel m;
  m.add("MatMul", m.fc0, "aten.linear.default");
  m.add("Relu", m.layer1, "aten.relu.default");
  m.add("Add", kRootScope, "aten.add.Tensor");
  tag_model(m.model, m.modules);
  EXPECT_EQ(metadata(m.model.graph.nodes[0], kTagKey), "/Net/Block.0/Linear");
  EXPECT_EQ(metadata(m.model.graph.nodes[0], kModuleKey), "layers.0.fc");
  EXPECT_EQ(metadata(m.model.graph.nodes[1], kTagKey), "/Net/Block.1");
  EXPECT_EQ(metadata(m.model.graph.nodes[2], kTagKey), "/Net");
  EXPECT_EQ(metadata(m.model.graph.nodes[2], kModuleKey), "");
}

TEST(Tag, LeavesOutTorchNnOnRequest) {
  SmallModel m;
  m.add("MatMul", m.fc0, "aten.linear.default");
  tag_model(m.model, m.modules, {MetadataLevel::Minimal, false, false});
  EXPECT_EQ(metadata(m.model.graph.nodes[0], kTagKey), "/Net/Block.0");

  ModuleTree root_only;
  root_only.set_root_class("torch.nn.modules.container.Sequential");
  m.model.graph.nodes[0].scope = kRootScope;
  tag_model(m.model, root_only, {MetadataLevel::Minimal, false, false});
  EXPECT_EQ(metadata(m.model.graph.nodes[0], kTagKey), "/Sequential");
}

TEST(Tag, NamesEveryNodeOnce) {
  SmallModel m;
  m.add("MatMul", m.fc0, "");
  m.add("MatMul", m.fc0, "");
  m.add("MatMul", m.shared, "");
  m.add("MatMul", m.shared_again, "");
  // An operator whose own name is what the next repeat would be called.
  m.add("MatMul_2", m.fc0, "");
  m.add("MatMul", m.fc0, "");
  tag_model(m.model, m.modules);
  std::vector<std::string> names;
  for (const onnx::Node& node : m.model.graph.nodes) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("/layers.0/fc/MatMul", "/layers.0/fc/MatMul_1", "/shared/MatMul", "/shared/MatMul_1",
                                 "/layers.0/fc/MatMul_2", "/layers.0/fc/MatMul_3"));
}

TEST(Tag, LeavesOutWhatIsAsUsual) {
  SmallModel m;
  m.add("MatMul", m.shared, "aten.linear.default");
  m.add("MatMul", m.shared_again, "aten.linear.default").provenance = Provenance::Inherited;
  m.add("Concat", m.shared, "aten.view.default");
  tag_model(m.model, m.modules, {MetadataLevel::Minimal, true, false});
  EXPECT_THAT(m.model.graph.nodes[0].metadata,
              ElementsAre(onnx::Metadata::Entry(kTagKey, "/Net/Linear"), onnx::Metadata::Entry(kModuleKey, "shared"),
                          onnx::Metadata::Entry(kOpKey, "aten.linear.default")));
  EXPECT_EQ(metadata(m.model.graph.nodes[1], kCallKey), "1");
  EXPECT_EQ(metadata(m.model.graph.nodes[1], kProvenanceKey), "inherited");
  EXPECT_EQ(metadata(m.model.graph.nodes[2], kRoleKey), "auxiliary");
}

// What torch.onnx.export(dynamo=True) of torch 2.13 writes for a linear in a ModuleList's block; the operation's own
// name, last in name_scopes, is torch's for its graph and ours for ours.
TEST(Tag, WritesTorchsListsAsTorchDoes) {
  SmallModel m;
  m.add("Gemm", m.fc0, "aten.linear.default");
  tag_model(m.model, m.modules);
  const onnx::Node& node = m.model.graph.nodes[0];
  EXPECT_EQ(metadata(node, kNameScopesKey), "['', 'layers.0', 'layers.0.fc', 'Gemm']");
  EXPECT_EQ(metadata(node, kClassHierarchyKey),
            "['app.Net', 'app.Block', 'torch.nn.modules.linear.Linear', 'aten.linear.default']");
  EXPECT_EQ(metadata(node, kNamespaceKey), "layers.0: Block/layers.0.fc: Linear");
  EXPECT_EQ(metadata(node, kWinmlTagKey), "/Net/Block.0");
  EXPECT_EQ(metadata(node, kWinmlDepthKey), "2");
}

TEST(Tag, ListsTheSourcesOfMergedNodes) {
  SmallModel m;
  onnx::Node& node = m.add("Conv", kRootScope, "aten.conv2d.default");
  node.provenance = Provenance::Merged;
  node.sources = {m.layer0, m.shared_again};
  tag_model(m.model, m.modules);
  EXPECT_EQ(metadata(m.model.graph.nodes[0], kSourcesKey), "['layers.0', 'shared@1']");
  EXPECT_THAT(records_of(m.model)[0].sources, ElementsAre("layers.0", "shared@1"));
}

TEST(Tag, NodesInBodiesAreTaggedToo) {
  SmallModel m;
  auto body = std::make_shared<onnx::Graph>();
  body->nodes.emplace_back().op_type = "Relu";
  body->nodes.back().scope = m.layer0;
  m.add("If", m.layer0, "higher_order.cond").attributes.push_back({"then_branch", body});
  const TagSummary summary = tag_model(m.model, m.modules);
  EXPECT_EQ(summary.operations, 2U);
  EXPECT_EQ(body->nodes[0].name, "/layers.0/Relu");
  EXPECT_EQ(metadata(body->nodes[0], kTagKey), "/Net/Block.0");
  EXPECT_EQ(records_of(m.model)[1].graph, "/layers.0/If.then_branch");
  EXPECT_EQ(check_coverage(m.model, summary, MetadataLevel::Full), 2U);
}

TEST(Tag, CountsProvenanceAndAuxiliaryNodes) {
  SmallModel m;
  m.add("Relu", m.layer0, "aten.relu.default");
  m.add("Shape", m.layer0, "aten.view.default").provenance = Provenance::Inherited;
  m.add("Shape", m.layer0, "").provenance = Provenance::Fallback;
  m.add("Relu", m.layer0, "").provenance = Provenance::Merged;
  const TagSummary summary = tag_model(m.model, m.modules);
  EXPECT_EQ(summary.operations, 4U);
  EXPECT_EQ(summary.auxiliary, 2U);
  EXPECT_EQ(summary.inherited, 1U);
  EXPECT_EQ(summary.fallback, 1U);
  EXPECT_EQ(summary.merged, 1U);
  EXPECT_EQ(summary.inherited_auxiliary, 1U);
  EXPECT_EQ(summary.fallback_auxiliary, 1U);
  EXPECT_THAT(summary.auxiliary_types, ElementsAre(std::pair<const std::string, uint64_t>("Shape", 2)));
}

TEST(Coverage, NamesTheNodesWithoutTag) {
  SmallModel m;
  m.add("Relu", m.layer0, "");
  m.add("Tanh", 99, "");
  const TagSummary summary = tag_model(m.model, m.modules);
  for (const MetadataLevel level : {MetadataLevel::Full, MetadataLevel::None}) {
    try {
      check_coverage(m.model, summary, level);
      FAIL() << "a node without a tag went unseen";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Coverage);
      EXPECT_THAT(error.what(), HasSubstr("1 of 2 nodes"));
      EXPECT_THAT(error.what(), HasSubstr("Tanh"));
    }
  }
}

TEST(Coverage, NoticesMetadataThatWasLost) {
  SmallModel m;
  m.add("Relu", m.layer0, "");
  const TagSummary summary = tag_model(m.model, m.modules);
  m.model.graph.nodes[0].metadata.clear();
  EXPECT_THROW(check_coverage(m.model, summary, MetadataLevel::Full), Error);
  EXPECT_EQ(check_coverage(m.model, summary, MetadataLevel::None), 1U);
}

TEST(OnnxTags, BadMetadataIsNamed) {
  SmallModel m;
  m.add("Relu", m.layer0, "").name = "/r";
  m.model.graph.nodes[0].metadata = {{kCallKey, "-1"}};
  try {
    static_cast<void>(records_of(m.model));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node '/r': modelexport.call: '-1' is no call index");
  }
}

}  // namespace
}  // namespace modelexport::tag
