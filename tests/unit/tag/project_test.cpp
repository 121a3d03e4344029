#include "tag/project.h"

#include <gtest/gtest.h>

#include "small_model.h"
#include "tag/carry.h"
#include "tag/flow.h"
#include "tag/onnx_tags.h"
#include "tag/restore.h"
#include "tag/scope_names.h"
#include "tag/tag.h"

namespace modelexport::tag {
namespace {

struct Foreign : SmallModel {
  onnx::ValueId weight(const std::string& name) {
    const onnx::ValueId id = value(name);
    onnx::Initializer initializer;
    initializer.value = id;
    model.initializers.push_back(initializer);
    model.values[id].initializer = static_cast<int32_t>(model.initializers.size() - 1);
    return id;
  }
  onnx::Node& named(const std::string& name, const std::string& op_type, std::vector<onnx::ValueId> inputs = {}) {
    onnx::Node& node = add(op_type, kRootScope, "", std::move(inputs));
    node.name = name;
    return node;
  }
  Projection project(std::vector<ModuleInfo> infos = {}) {
    Projection projection = project_scopes(model, std::move(infos));
    tree = projection.modules;
    return projection;
  }
  const ModuleCall& place(std::size_t i) const { return tree[model.graph.nodes[i].scope]; }
  std::string stack(std::size_t i) const {
    std::string text;
    for (const ScopeId scope : tree.chain(model.graph.nodes[i].scope)) {
      text += (scope == kRootScope ? "" : ">") + tree[scope].path;
    }
    return text;
  }
  Provenance provenance(std::size_t i) const { return model.graph.nodes[i].provenance; }
  ModuleTree tree;
};

TEST(Project, TakesTorchsOwnRecord) {
  Foreign m;
  m.add("Gemm", kRootScope, "").metadata = {
      {kNameScopesKey, "['', 'layers.0', 'layers.0.fc', 'linear']"},
      {kClassHierarchyKey, "['app.Net', 'app.Block', 'torch.nn.modules.linear.Linear', 'aten.linear.default']"}};
  const Projection projection = m.project();
  EXPECT_EQ(projection.counts.from_torch, 1U);
  EXPECT_EQ(m.stack(0), ">layers.0>layers.0.fc");
  EXPECT_EQ(m.place(0).qualified_class, "torch.nn.modules.linear.Linear");
  EXPECT_EQ(m.provenance(0), Provenance::Exact);
  EXPECT_EQ(m.model.graph.nodes[0].origin, "aten.linear.default");
  EXPECT_EQ(m.tree[kRootScope].qualified_class, "app.Net");
}

// Names as torch 2.13's TorchScript exporter writes them for nested Sequentials, a ModuleDict and repeated calls.
TEST(Project, ReadsScopeNames) {
  Foreign m;
  for (const char* weight : {"seq.0.weight", "seq.2.1.fc.weight", "d.a.fc.weight", "nest.0.0.fc.weight", "l.weight"}) {
    m.weight(weight);
  }
  m.named("/seq/seq.0/Gemm", "Gemm");
  m.named("/seq/seq.2/seq.2.1/fc/Gemm", "Gemm");
  m.named("/seq/seq.2/seq.2.1/Relu", "Relu");
  m.named("/a/fc/Gemm", "Gemm");
  m.named("/nest.0.0/fc/Gemm", "Gemm");
  m.named("/l/Gemm", "Gemm");
  m.named("/l_1/Gemm", "Gemm");
  m.named("/Transpose", "Transpose");
  const Projection projection = m.project();
  EXPECT_EQ(projection.counts.from_names, 8U);
  EXPECT_EQ(m.stack(0), ">seq>seq.0");
  EXPECT_EQ(m.stack(1), ">seq>seq.2>seq.2.1>seq.2.1.fc");
  EXPECT_EQ(m.stack(2), ">seq>seq.2>seq.2.1");
  EXPECT_EQ(m.stack(3), ">d.a>d.a.fc");
  EXPECT_EQ(m.stack(4), ">nest.0.0>nest.0.0.fc");
  EXPECT_EQ(m.stack(5), ">l");
  EXPECT_EQ(m.stack(6), ">l");
  EXPECT_EQ(m.place(5).call, 0U);
  EXPECT_EQ(m.place(6).call, 1U);
  EXPECT_EQ(m.stack(7), "");
}

// The second run of "fc" is called like the first of "fc_1": only the weights tell.
TEST(Project, WeightsDecideBetweenRepeatsAndNames) {
  Foreign m;
  const onnx::ValueId fc = m.weight("fc.weight");
  const onnx::ValueId fc_1 = m.weight("fc_1.weight");
  m.named("/fc_1/Gemm", "Gemm", {fc_1});
  m.named("/fc/Gemm", "Gemm", {fc});
  m.named("/fc_1/Gemm_1", "Gemm", {fc});
  m.project();
  EXPECT_EQ(m.place(0).path, "fc_1");
  EXPECT_EQ(m.place(1).path, "fc");
  EXPECT_EQ(m.place(2).path, "fc");
  EXPECT_EQ(m.place(2).call, 1U);
}

TEST(Project, TheRealModuleTreeGivesClassesAndSettlesNames) {
  Foreign m;
  m.named("/a/relu/Relu", "Relu");
  m.named("/gone/Relu", "Relu");
  m.project({{"", "app.Net", 0},
             {"d", "torch.nn.modules.container.ModuleDict", 0},
             {"d.a", "app.Block", 0},
             {"d.a.relu", "torch.nn.modules.activation.ReLU", 0}});
  EXPECT_EQ(m.stack(0), ">d.a>d.a.relu");
  EXPECT_EQ(m.place(0).qualified_class, "torch.nn.modules.activation.ReLU");
  // A name that leads nowhere is no record.
  EXPECT_EQ(m.place(1).path, "");
  EXPECT_NE(m.provenance(1), Provenance::Exact);
}

TEST(Project, InheritsWhatNothingSays) {
  Foreign m;
  const onnx::ValueId weight = m.weight("encoder.fc.weight");
  const onnx::ValueId x = m.value("x");
  const onnx::ValueId cast = m.named("Cast_1", "Cast", {x}).outputs[0];
  const onnx::ValueId product = m.named("MatMul_2", "MatMul", {cast, weight}).outputs[0];
  m.named("Relu_3", "Relu", {product});
  m.named("Tanh_4", "Tanh", {x});
  const Projection projection = m.project();
  EXPECT_EQ(m.place(0).path, "encoder.fc");
  EXPECT_EQ(m.provenance(0), Provenance::Inherited);
  EXPECT_EQ(m.place(1).path, "encoder.fc");
  EXPECT_EQ(m.provenance(1), Provenance::Inherited);
  EXPECT_EQ(m.place(2).path, "encoder.fc");
  EXPECT_EQ(m.place(3).path, "");
  EXPECT_EQ(m.provenance(3), Provenance::Fallback);
  EXPECT_EQ(projection.counts.from_weights, 1U);
  EXPECT_EQ(projection.counts.inherited, 2U);
  EXPECT_EQ(projection.counts.fallback, 1U);
}

TEST(Restore, TagsReadBackAsTheScopesTheyCameFrom) {
  for (const MetadataLevel level : {MetadataLevel::Full, MetadataLevel::Minimal}) {
    SmallModel m;
    m.add("MatMul", m.fc0, "aten.linear.default");
    m.add("Relu", m.layer1, "");
    m.add("MatMul", m.shared_again, "");
    onnx::Node& merged = m.add("Conv", kRootScope, "");
    merged.provenance = Provenance::Merged;
    merged.sources = {m.layer0, m.shared_again};
    tag_model(m.model, m.modules, {level, true, false});
    const std::vector<NodeRecord> records = records_of(m.model);

    for (onnx::Node& node : m.model.graph.nodes) node.scope = kRootScope;
    TreeBuilder tree({});
    Flow flow(m.model);
    std::vector<bool> known(flow.nodes.size());
    restore_scopes(flow, records, tree, known);
    EXPECT_EQ(std::count(known.begin(), known.end(), true), 4);
    const ModuleTree restored = tree.take();
    tag_model(m.model, restored, {level, true, false});
    const std::vector<NodeRecord> again = records_of(m.model);
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(again[i].tag, records[i].tag);
      EXPECT_EQ(again[i].module, records[i].module);
      EXPECT_EQ(again[i].call, records[i].call);
      EXPECT_EQ(again[i].name, records[i].name);
      EXPECT_EQ(again[i].aten, records[i].aten);
      EXPECT_EQ(again[i].sources, records[i].sources);
    }
  }
}

// ---- carry ----

// x -> MatMul (fc0) -> a -> Add (fc0) -> b -> Relu (layer0) -> c -> Tanh (layer1) -> d
struct Chain : Foreign {
  onnx::ValueId x, w;
  Chain() {
    x = value("x");
    model.graph.inputs = {x};
    w = weight("w");
    onnx::ValueId last = x;
    const std::pair<const char*, ScopeId> steps[] = {{"MatMul", fc0}, {"Add", fc0}, {"Relu", layer0}, {"Tanh", layer1}};
    const char* outputs[] = {"a", "b", "c", "d"};
    for (std::size_t i = 0; i < 4; ++i) {
      onnx::Node& node = add(steps[i].first, steps[i].second, "aten.some.default", {last, w});
      node.name = std::string("/n/") + steps[i].first;
      last = node.outputs[0];
      model.values[last].name = outputs[i];
    }
  }
};

TEST(Carry, FusedNodesGetTheCommonAncestor) {
  Chain before;
  Foreign after;
  const onnx::ValueId x = after.value("x");
  after.model.graph.inputs = {x};
  const onnx::ValueId w = after.weight("w");
  onnx::Node& fused = after.named("FusedGemmRelu", "FusedGemm", {x, w});
  const onnx::ValueId c = fused.outputs[0];
  after.model.values[c].name = "c";
  const onnx::ValueId d = after.named("/n/Tanh", "Tanh", {c, w}).outputs[0];
  after.model.values[d].name = "d";
  const Carried carried = carry_scopes(before.model, before.modules, after.model);
  EXPECT_EQ(carried.counts.merged, 1U);
  EXPECT_EQ(carried.counts.by_tensor, 1U);
  EXPECT_EQ(after.model.graph.nodes[0].scope, before.layer0);
  EXPECT_EQ(after.model.graph.nodes[0].provenance, Provenance::Merged);
  EXPECT_EQ(after.model.graph.nodes[0].sources, (std::vector<ScopeId>{before.layer0, before.fc0}));
  EXPECT_EQ(after.model.graph.nodes[1].scope, before.layer1);
  EXPECT_EQ(after.model.graph.nodes[1].provenance, Provenance::Exact);
}

TEST(Carry, NamesThenStructureThenNeighbours) {
  Chain before;
  Foreign after;
  const onnx::ValueId x = after.value("x");
  after.model.graph.inputs = {x};
  const onnx::ValueId w = after.weight("w");
  // Tensors have other names; the first node kept its own, the second did not, the third is new.
  const onnx::ValueId a = after.named("/n/MatMul", "MatMul", {x, w}).outputs[0];
  const onnx::ValueId b = after.named("other", "Add", {a, w}).outputs[0];
  after.named("new", "QuantizeLinear", {b});
  const Carried carried = carry_scopes(before.model, before.modules, after.model);
  EXPECT_EQ(carried.counts.by_name, 1U);
  EXPECT_EQ(carried.counts.by_structure, 1U);
  EXPECT_EQ(carried.counts.inherited, 1U);
  for (const onnx::Node& node : after.model.graph.nodes) EXPECT_EQ(node.scope, before.fc0);
  EXPECT_EQ(after.model.graph.nodes[2].provenance, Provenance::Inherited);
}

TEST(Carry, OneKeptOfEqualNodesBelongsToAll) {
  SmallModel before;
  const onnx::ValueId x = before.value("x");
  before.model.graph.inputs = {x};
  for (const ScopeId scope : {before.layer0, before.layer1, before.shared_again}) {
    onnx::Node& node = before.add("Relu", scope, "", {x});
    before.model.values[node.outputs[0]].name = "relu" + std::to_string(scope);
  }
  Foreign after;
  const onnx::ValueId same = after.value("x");
  after.model.graph.inputs = {same};
  const std::string names[] = {"relu" + std::to_string(before.layer1), "relu" + std::to_string(before.shared_again)};
  for (const std::string& name : names) {
    after.model.values[after.named("", "Relu", {same}).outputs[0]].name = name;
  }
  const Carried carried = carry_scopes(before.model, before.modules, after.model);
  EXPECT_EQ(carried.counts.merged, 1U);
  EXPECT_EQ(carried.counts.by_tensor, 1U);
  EXPECT_EQ(after.model.graph.nodes[0].scope, before.modules.common_ancestor(before.layer0, before.layer1));
  EXPECT_EQ(after.model.graph.nodes[0].sources, (std::vector<ScopeId>{before.layer0, before.layer1}));
  EXPECT_EQ(after.model.graph.nodes[1].scope, before.shared_again);
}

TEST(Carry, ANameMadeFromATensorSaysWhatIsComputed) {
  Chain before;
  Foreign after;
  const onnx::ValueId x = after.value("x");
  after.model.graph.inputs = {x};
  after.named("b_nchwc", "Add", {x, after.weight("w2")}).attributes = {{"activation", std::string("Relu")}};
  const Carried carried = carry_scopes(before.model, before.modules, after.model);
  EXPECT_EQ(carried.counts.by_derived_name, 1U);
  EXPECT_EQ(after.model.graph.nodes[0].scope, before.layer0);
  EXPECT_EQ(after.model.graph.nodes[0].sources, (std::vector<ScopeId>{before.layer0, before.fc0}));
}

TEST(Carry, NothingInCommonFallsBackToTheRoot) {
  Chain before;
  Foreign after;
  after.named("p", "Relu", {after.value("y")});
  const Carried carried = carry_scopes(before.model, before.modules, after.model);
  EXPECT_EQ(carried.counts.fallback, 1U);
  EXPECT_EQ(after.model.graph.nodes[0].scope, kRootScope);
}

TEST(Tag, KeepsNamesOnRequest) {
  SmallModel m;
  m.add("Relu", m.layer0, "").name = "mine";
  m.add("Relu", m.layer0, "").name = "mine";
  m.add("Relu", m.layer0, "").metadata = {{"layer_ann", "gpu"}, {kTagKey, "/Old"}};
  tag_model(m.model, m.modules, {MetadataLevel::Minimal, true, true});
  EXPECT_EQ(m.model.graph.nodes[0].name, "mine");
  EXPECT_EQ(m.model.graph.nodes[1].name, "/layers.0/Relu");
  EXPECT_EQ(m.model.graph.nodes[2].name, "/layers.0/Relu_1");
  EXPECT_EQ(m.model.graph.nodes[2].metadata.find("layer_ann"), "gpu");
  EXPECT_EQ(m.model.graph.nodes[2].metadata.find(kTagKey), "/Net/Block.0");
}

}  // namespace
}  // namespace modelexport::tag
