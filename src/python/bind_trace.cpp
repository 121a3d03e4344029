// modelexport._core.TraceRecorder, TraceState, ObjectSnapshot and named_modules: what Python's trace calls for
// operators, modules and tensors.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>
#include <string_view>
#include <utility>

#include "pipeline.h"
#include "python/bindings.h"
#include "python/named_modules.h"
#include "python/object_snapshot.h"
#include "python/trace_recorder.h"
#include "support/error.h"

namespace modelexport::python {

namespace {

TraceHooks read_hooks(const nb::dict& given) {
  TraceHooks hooks{
      given["stop"], given["read"], given["is_constant"], given["describe"], given["storage"], given["watch"], {}};
  for (auto [question, why] : nb::borrow<nb::dict>(given["surroundings"])) {
    hooks.surroundings.emplace_back(nb::borrow(question), nb::cast<std::string>(why));
  }
  return hooks;
}

}  // namespace

void bind_trace(nb::module_& module) {
  module.def("named_modules", &named_modules, nb::arg("model"),
             "(path, module) for every path that leads to a module.");
  nb::class_<TraceRecorder>(module, "TraceRecorder", "The ATen calls of one forward, recorded into a program.")
      .def(
          "__init__",
          [](TraceRecorder* self, const nb::dict& hooks) { new (self) TraceRecorder(read_hooks(hooks), find_schema); },
          nb::arg("hooks"))
      .def("add_modules", &TraceRecorder::add_modules, nb::arg("modules"))
      .def("add_input", &TraceRecorder::add_input, nb::arg("leaf").none(), nb::arg("name"))
      .def("add_constant", &TraceRecorder::add_constant, nb::arg("tensor"))
      .def("enter", &TraceRecorder::enter, nb::arg("module"))
      .def("leave", &TraceRecorder::leave)
      .def_prop_ro("module_path", &TraceRecorder::module_path)
      .def("call", &TraceRecorder::call, nb::arg("function"), nb::arg("args"), nb::arg("kwargs"))
      .def_rw("lifting", &TraceRecorder::lifting)
      .def_ro("running", &TraceRecorder::running)
      .def("depends", &TraceRecorder::depends, nb::arg("tensor"))
      .def("add_output", &TraceRecorder::add_output, nb::arg("leaf").none())
      .def("finish", &TraceRecorder::finish)
      .def("build", &TraceRecorder::build)
      .def_prop_ro("state", &TraceRecorder::state, nb::rv_policy::reference_internal);
  nb::class_<TraceState>(module, "TraceState", "The tensors that were there before a forward that is recorded.")
      .def("why_not_plain", &TraceState::why_not_plain, nb::arg("tensor"))
      .def("has_address_in", &TraceState::has_address_in, nb::arg("begin"), nb::arg("end"))
      .def("is_assigned", &TraceState::is_assigned)
      .def("is_changed", &TraceState::is_changed)
      .def_prop_ro("saved", &TraceState::saved);
  nb::class_<ObjectSnapshot>(module, "ObjectSnapshot",
                             "The attributes of objects at one moment, to compare and restore.")
      .def(nb::init<nb::object, nb::object, nb::object>(), nb::arg("skipped"), nb::arg("opaque"), nb::arg("plain"))
      .def("add_attributes", &ObjectSnapshot::add_attributes, nb::arg("attributes"), nb::arg("depth"))
      .def("add_values", &ObjectSnapshot::add_values, nb::arg("attributes"), nb::arg("depth"))
      .def("add_items", &ObjectSnapshot::add_items, nb::arg("attributes"), nb::arg("names"))
      .def("is_same", &ObjectSnapshot::is_same, nb::arg("a").none(), nb::arg("b").none())
      .def("restore", &ObjectSnapshot::restore);
}

}  // namespace modelexport::python
