#include "lower/functional_twin.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "lower/op_table.h"

namespace modelexport::lower {

using program::NamedArgument;
using program::Schema;
using program::SchemaArgument;

namespace {

// "aten::add" of "aten::add.Tensor".
std::string_view base_name(std::string_view overload) { return overload.substr(0, overload.find('.')); }

// "aten::add" of "aten::add_", "aten::__and__" of "aten::__iand__"; out= overloads keep their name.
std::string functional_name(std::string_view base) {
  std::string name(base);
  const std::size_t dunder = name.find("::__i");
  if (dunder != std::string::npos && name.ends_with("__")) return name.erase(dunder + 4, 1);
  if (name.ends_with('_') && !name.ends_with("__")) name.pop_back();
  return name;
}

const std::unordered_map<std::string_view, std::vector<const Schema*>>& functional_overloads() {
  static const auto index = [] {
    std::unordered_map<std::string_view, std::vector<const Schema*>> overloads;
    for (const Row* row : all_rows()) {
      const std::string_view text = row->schema;
      const Entry* entry = find_op(text.substr(0, text.find('(')));
      if (entry != nullptr && !entry->schema.mutates()) {
        overloads[base_name(entry->schema.name)].push_back(&entry->schema);
      }
    }
    return overloads;
  }();
  return index;
}

bool is_out_argument(const SchemaArgument& argument) { return argument.is_written && argument.keyword_only; }

// Position in `twin` of argument `i` of `mutating`: the one of that name, or the one in that place.
std::optional<std::size_t> position_in_twin(const Schema& mutating, std::size_t i, const Schema& twin) {
  const SchemaArgument& argument = mutating.arguments[i];
  const auto named = std::ranges::find(twin.arguments, argument.name, &SchemaArgument::name);
  if (named != twin.arguments.end()) {
    if (named->type != argument.type) return std::nullopt;
    return static_cast<std::size_t>(named - twin.arguments.begin());
  }
  if (i < twin.arguments.size() && twin.arguments[i].type == argument.type) return i;
  return std::nullopt;
}

// How many arguments `twin` has beyond those of `mutating`; nothing when it is no twin.
std::optional<std::size_t> arguments_beyond(const Schema& mutating, const Schema& twin) {
  const std::vector<std::size_t> written = written_arguments(mutating);
  if (twin.returns.size() != written.size()) return std::nullopt;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (twin.returns[i].type != mutating.arguments[written[i]].type) return std::nullopt;
  }
  std::vector<bool> given(twin.arguments.size());
  for (std::size_t i = 0; i < mutating.arguments.size(); ++i) {
    if (is_out_argument(mutating.arguments[i])) continue;
    const auto position = position_in_twin(mutating, i, twin);
    if (!position || given[*position]) return std::nullopt;
    given[*position] = true;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i] && twin.arguments[i].default_value == nullptr) return std::nullopt;
  }
  return static_cast<std::size_t>(std::ranges::count(given, false));
}

// Among the overloads of `name`.
const Schema* find_twin(const Schema& mutating, const std::string& name) {
  const std::string_view overload = std::string_view(mutating.name).substr(base_name(mutating.name).size());
  const Entry* same_overload = find_op(name + std::string(overload));
  if (same_overload != nullptr && arguments_beyond(mutating, same_overload->schema)) return &same_overload->schema;
  // A row may lower the overload itself, where torch has no functional one: to the new values.
  const Entry* own = find_op(mutating.name);
  if (own != nullptr && own->lower != nullptr) return &own->schema;
  const auto overloads = functional_overloads().find(name);
  if (overloads == functional_overloads().end()) return nullptr;
  const Schema* best = nullptr;
  std::optional<std::size_t> fewest;
  for (const Schema* candidate : overloads->second) {
    const auto beyond = arguments_beyond(mutating, *candidate);
    if (beyond && (!fewest || *beyond < *fewest)) {
      best = candidate;
      fewest = beyond;
    }
  }
  return best;
}

}  // namespace

std::vector<std::size_t> written_arguments(const Schema& mutating) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < mutating.arguments.size(); ++i) {
    if (mutating.arguments[i].is_written) positions.push_back(i);
  }
  return positions;
}

const Schema* functional_twin(const Schema& mutating) {
  const std::string name = functional_name(base_name(mutating.name));
  const Schema* twin = find_twin(mutating, name);
  return twin != nullptr ? twin : find_twin(mutating, name + "_functional");
}

std::vector<NamedArgument> twin_arguments(const Schema& mutating, const Schema& twin, std::vector<NamedArgument> args) {
  std::vector<NamedArgument> result;
  for (const SchemaArgument& argument : twin.arguments) {
    result.push_back(
        {argument.name, argument.default_value == nullptr ? program::Argument{} : *argument.default_value});
  }
  for (std::size_t i = 0; i < args.size() && i < mutating.arguments.size(); ++i) {
    if (is_out_argument(mutating.arguments[i])) continue;
    if (const auto position = position_in_twin(mutating, i, twin)) {
      result[*position].value = std::move(args[i].value);
    }
  }
  return result;
}

}  // namespace modelexport::lower
