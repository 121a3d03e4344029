// modelexport._core.TraceRecorder and ObjectSnapshot: what Python's trace calls for operators, modules and tensors.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>
#include <string_view>
#include <utility>

#include "pipeline.h"
#include "python/bindings.h"
#include "python/object_snapshot.h"
#include "python/trace_recorder.h"
#include "support/error.h"

namespace modelexport::python {

namespace {

TraceHooks read_hooks(const nb::dict& given) {
  TraceHooks hooks{given["stop"], given["read"], given["is_constant"], given["storage"], given["watch"], {}};
  for (auto [question, why] : nb::borrow<nb::dict>(given["surroundings"])) {
    hooks.surroundings.emplace_back(nb::borrow(question), nb::cast<std::string>(why));
  }
  return hooks;
}

}  // namespace

void bind_trace(nb::module_& module) {
  nb::class_<TraceRecorder>(module, "TraceRecorder", "The ATen calls of one forward, recorded into a program.")
      .def(
          "__init__",
          [](TraceRecorder* self, const nb::dict& hooks) { new (self) TraceRecorder(read_hooks(hooks), find_schema); },
          nb::arg("hooks"))
      .def(
          "add_module",
          [](TraceRecorder& self, nb::handle called, std::string path, std::string qualified_class) {
            self.add_module(called, std::move(path), std::move(qualified_class));
          },
          nb::arg("module"), nb::arg("path"), nb::arg("qualified_class"))
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
      .def_prop_ro("saved", &TraceRecorder::saved);
  nb::class_<ObjectSnapshot>(module, "ObjectSnapshot",
                             "The attributes of objects at one moment, to compare and restore.")
      .def(nb::init<nb::object, nb::object, nb::object>(), nb::arg("skipped"), nb::arg("opaque"), nb::arg("plain"))
      .def("add_attributes", &ObjectSnapshot::add_attributes, nb::arg("attributes"), nb::arg("depth"))
      .def("add_values", &ObjectSnapshot::add_values, nb::arg("attributes"), nb::arg("depth"))
      .def("is_same", &ObjectSnapshot::is_same, nb::arg("a").none(), nb::arg("b").none())
      .def("restore", &ObjectSnapshot::restore);
}

}  // namespace modelexport::python
