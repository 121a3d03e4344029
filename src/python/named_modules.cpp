#include "python/named_modules.h"

#include <fmt/format.h>

#include <string>

#include "python/torch_types.h"

namespace modelexport::python {
namespace {

// A level of recursion as Python counts them, raising where there are too many.
class Level {
 public:
  Level() {
    if (Py_EnterRecursiveCall(" while listing modules") != 0) throw nb::python_error();
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { Py_LeaveRecursiveCall(); }
};

void add(nb::list& found, const std::string& path, nb::handle module, const nb::str& children_name) {
  const Level level;
  found.append(nb::make_tuple(path, module));
  const nb::object children = module.attr(children_name);
  // Scripted modules have no dictionary of them.
  const auto dict_type = nb::borrow(reinterpret_cast<PyObject*>(&PyDict_Type));
  const nb::object items = PyDict_Check(children.ptr()) ? children : dict_type(children.attr("items")());
  for (auto [name, child] : nb::borrow<nb::dict>(items)) {
    if (child.is_none()) continue;
    const std::string below(text_of(name));
    add(found, path.empty() ? below : fmt::format("{}.{}", path, below), child, children_name);
  }
}

}  // namespace

nb::list named_modules(nb::handle model) {
  nb::list found;
  add(found, "", model, interned("_modules"));
  return found;
}

}  // namespace modelexport::python
