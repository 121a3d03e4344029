// The module calls of one forward: which one runs, and in the end their scopes.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "scope/module_tree.h"

namespace modelexport::python {

namespace nb = nanobind;

class TraceModules {
 public:
  // A module and a path that leads to it; once for each of its paths, and all before the first call.
  void add(nb::handle module, std::string path, std::string qualified_class);

  // Around a module's call. Modules without a path leave the call as it is. Calls `stop` with the reason where it does
  // not follow from the module that runs by which of its names another is called.
  void enter(nb::handle module, nb::handle stop);
  void leave();

  // The innermost call that runs: an index into scopes().
  [[nodiscard]] uint32_t running() const { return running_; }
  // Of the module of that call, "" for the root.
  [[nodiscard]] const std::string& path() const;
  // The scope of each call in `tree`.
  [[nodiscard]] std::vector<ScopeId> scopes(ModuleTree& tree) const;

 private:
  struct Name {
    std::string path;
    uint32_t calls = 0;
  };
  struct Module {
    std::vector<Name> names;
    std::string qualified_class;
  };
  struct Call {
    uint32_t outer = 0;
    const Module* module = nullptr;  // none for the root
    const Name* name = nullptr;
    uint32_t index = 0;
  };

  Name& called_name(Module& called, nb::handle stop);

  std::unordered_map<PyObject*, Module> modules_;
  std::vector<Call> calls_{1};
  std::vector<uint32_t> outer_;
  uint32_t running_ = 0;
};

}  // namespace modelexport::python
