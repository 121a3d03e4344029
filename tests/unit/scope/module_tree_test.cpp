#include "scope/module_tree.h"

#include <gtest/gtest.h>

namespace modelexport {
namespace {

class ModuleTreeTest : public testing::Test {
 protected:
  ModuleTree tree;
  ScopeId encoder = tree.enter(kRootScope, "encoder", "m.Encoder", 0);
  ScopeId layer0 = tree.enter(encoder, "encoder.layer.0", "m.Layer", 0);
  ScopeId layer1 = tree.enter(encoder, "encoder.layer.1", "m.Layer", 0);
  ScopeId head = tree.enter(kRootScope, "head", "m.Head", 0);
};

TEST_F(ModuleTreeTest, EnteringTheSameCallTwiceGivesTheSameScope) {
  EXPECT_EQ(tree.enter(encoder, "encoder.layer.0", "m.Layer", 0), layer0);
  EXPECT_NE(tree.enter(encoder, "encoder.layer.0", "m.Layer", 1), layer0);
  EXPECT_NE(tree.enter(head, "encoder.layer.0", "m.Layer", 0), layer0);
  EXPECT_EQ(tree.size(), 7U);
}

TEST_F(ModuleTreeTest, TheRootHasAClassOnceItIsKnown) {
  EXPECT_EQ(tree[kRootScope].path, "");
  tree.set_root_class("m.Model");
  EXPECT_EQ(tree[kRootScope].qualified_class, "m.Model");
  EXPECT_EQ(tree[kRootScope].depth, 0U);
}

TEST_F(ModuleTreeTest, CommonAncestor) {
  EXPECT_EQ(tree.common_ancestor(layer0, layer1), encoder);
  EXPECT_EQ(tree.common_ancestor(layer0, encoder), encoder);
  EXPECT_EQ(tree.common_ancestor(encoder, layer0), encoder);
  EXPECT_EQ(tree.common_ancestor(layer0, head), kRootScope);
  EXPECT_EQ(tree.common_ancestor(layer0, layer0), layer0);
}

TEST_F(ModuleTreeTest, Ancestry) {
  EXPECT_TRUE(tree.is_ancestor(kRootScope, layer0));
  EXPECT_TRUE(tree.is_ancestor(encoder, layer0));
  EXPECT_TRUE(tree.is_ancestor(layer0, layer0));
  EXPECT_FALSE(tree.is_ancestor(layer0, encoder));
  EXPECT_FALSE(tree.is_ancestor(head, layer0));
}

TEST_F(ModuleTreeTest, ChainIsOutermostFirst) {
  EXPECT_EQ(tree.chain(layer1), (std::vector<ScopeId>{kRootScope, encoder, layer1}));
  EXPECT_EQ(tree.chain(kRootScope), std::vector<ScopeId>{kRootScope});
}

TEST(ClassName, IsWhatFollowsTheLastDot) {
  EXPECT_EQ(class_name("transformers.models.bert.modeling_bert.BertLayer"), "BertLayer");
  EXPECT_EQ(class_name("Net"), "Net");
  EXPECT_EQ(class_name(""), "");
}

TEST(ProvenanceName, IsWhatFilesHold) {
  EXPECT_EQ(name_of(Provenance::Exact), "exact");
  EXPECT_EQ(name_of(Provenance::Fallback), "fallback");
}

}  // namespace
}  // namespace modelexport
