#include "python/trace_modules.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <utility>

namespace modelexport::python {

namespace {

const std::string kRootPath;

}  // namespace

void TraceModules::add(nb::handle module, std::string path, std::string qualified_class) {
  Module& known = modules_[module.ptr()];
  known.names.push_back({std::move(path)});
  known.qualified_class = std::move(qualified_class);
}

TraceModules::Name& TraceModules::called_name(Module& called, nb::handle stop) {
  if (called.names.size() == 1) return called.names.front();
  const std::string below = path().empty() ? "" : path() + ".";
  const auto is_below = [&](const Name& name) { return name.path.starts_with(below); };
  if (std::ranges::count_if(called.names, is_below) != 1) {
    stop(fmt::format("{} is also known as {}, and only torch.export tells them apart", called.names[0].path,
                     called.names[1].path));
  }
  return *std::ranges::find_if(called.names, is_below);
}

void TraceModules::enter(nb::handle module, nb::handle stop) {
  uint32_t call = running_;
  if (const auto found = modules_.find(module.ptr()); found != modules_.end()) {
    Name& name = called_name(found->second, stop);
    const uint32_t index = name.calls++;
    if (name.path.empty()) {
      call = 0;
    } else {
      call = static_cast<uint32_t>(calls_.size());
      calls_.push_back({running_, &found->second, &name, index});
    }
  }
  outer_.push_back(std::exchange(running_, call));
}

void TraceModules::leave() {
  running_ = outer_.back();
  outer_.pop_back();
}

const std::string& TraceModules::path() const {
  return calls_[running_].name == nullptr ? kRootPath : calls_[running_].name->path;
}

std::vector<ScopeId> TraceModules::scopes(ModuleTree& tree) const {
  std::vector<ScopeId> scopes{kRootScope};
  scopes.reserve(calls_.size());
  for (std::size_t i = 1; i < calls_.size(); ++i) {
    const Call& call = calls_[i];
    scopes.push_back(tree.enter(scopes[call.outer], call.name->path, call.module->qualified_class, call.index));
  }
  return scopes;
}

}  // namespace modelexport::python
