#include "onnx/lint.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "support/error.h"

namespace modelexport::onnx {
namespace {

class Linter {
 public:
  explicit Linter(const Model& model) : model_(model), states_(model.values.size(), State::Unmade) {}

  std::vector<std::string> run();

 private:
  enum class State : uint8_t { Unmade, InSight, OutOfSight };

  void check_initializers();
  void check_graph(const Graph& graph, const std::string& place);
  void check_node(const Node& node, const std::string& place, std::vector<ValueId>& made);
  void use(ValueId id, const std::string& place);
  void make(ValueId id, const std::string& place, std::vector<ValueId>& made);
  void hide(const std::vector<ValueId>& made);
  bool in_range(ValueId id, const std::string& place);

  template <typename... Args>
  void report(fmt::format_string<Args...> format, Args&&... args) {
    findings_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  const Model& model_;
  std::vector<State> states_;
  std::unordered_set<std::string_view> names_in_sight_;
  std::unordered_set<std::string_view> node_names_;
  std::vector<std::string> findings_;
};

bool Linter::in_range(ValueId id, const std::string& place) {
  if (id < model_.values.size()) return true;
  report("{}: value {} of {}", place, id, model_.values.size());
  return false;
}

void Linter::use(ValueId id, const std::string& place) {
  if (!in_range(id, place)) return;
  const auto& name = model_.values[id].name;
  if (states_[id] == State::Unmade) report("{}: '{}' is used before anything makes it", place, name);
  if (states_[id] == State::OutOfSight) report("{}: '{}' is used outside of the graph that makes it", place, name);
}

void Linter::make(ValueId id, const std::string& place, std::vector<ValueId>& made) {
  if (!in_range(id, place)) return;
  const auto& name = model_.values[id].name;
  if (states_[id] != State::Unmade) report("{}: '{}' is made a second time", place, name);
  if (name.empty()) report("{}: value {} has no name", place, id);
  if (states_[id] == State::Unmade && !names_in_sight_.insert(name).second) {
    report("{}: there is another value named '{}'", place, name);
  }
  states_[id] = State::InSight;
  made.push_back(id);
}

void Linter::hide(const std::vector<ValueId>& made) {
  for (const auto id : made) {
    states_[id] = State::OutOfSight;
    names_in_sight_.erase(model_.values[id].name);
  }
}

void Linter::check_node(const Node& node, const std::string& place, std::vector<ValueId>& made) {
  if (node.op_type.empty()) report("{}: no operator", place);
  if (!node.name.empty() && !node_names_.insert(node.name).second) report("{}: the name is not unique", place);
  for (const auto id : node.inputs) {
    if (id != kNoValue) use(id, place);
  }
  for (const auto& attribute : node.attributes) {
    const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute.value);
    if (body != nullptr && *body != nullptr) check_graph(**body, place + ", " + attribute.name);
    if (body != nullptr && *body == nullptr) report("{}: attribute '{}' is no graph", place, attribute.name);
  }
  for (const auto id : node.outputs) {
    if (id != kNoValue) make(id, place, made);
  }
}

void Linter::check_graph(const Graph& graph, const std::string& place) {
  std::vector<ValueId> made;
  for (const auto id : graph.inputs) {
    // An initializer that is an input too is its default.
    const bool is_default = id < model_.values.size() && &graph == &model_.graph && model_.values[id].initializer >= 0;
    if (!is_default) make(id, place + ": input", made);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    check_node(node, fmt::format("{}: node {} '{}' ({})", place, i, node.name, node.op_type), made);
  }
  for (const auto id : graph.outputs) use(id, place + ": output");
  hide(made);
}

void Linter::check_initializers() {
  std::vector<ValueId> made;
  for (std::size_t i = 0; i < model_.initializers.size(); ++i) {
    const Initializer& initializer = model_.initializers[i];
    const std::string place = fmt::format("initializer {}", i);
    make(initializer.value, place, made);
    if (!in_range(initializer.value, place)) continue;
    const Value& value = model_.values[initializer.value];
    if (value.initializer != static_cast<int32_t>(i)) report("{}: '{}' refers to another", place, value.name);
    if (!initializer.external_location.empty() || size_of(initializer.data.dtype) == 0) continue;
    try {
      initializer.data.check_bounds();
    } catch (const Error& error) {
      report("{}: '{}': {}", place, value.name, error.what());
    }
  }
}

std::vector<std::string> Linter::run() {
  for (const auto& function : model_.functions) {
    check_graph(*function.body, "function " + function.name);
    node_names_.clear();
  }
  check_initializers();
  check_graph(model_.graph, "graph");
  return std::move(findings_);
}

}  // namespace

std::vector<std::string> lint(const Model& model) { return Linter(model).run(); }

}  // namespace modelexport::onnx
