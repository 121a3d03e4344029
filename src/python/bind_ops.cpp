// modelexport._core: what the op table says.
#include <nanobind/nanobind.h>
#include <nanobind/stl/complex.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "lower/op_table.h"
#include "program/aten_schema.h"
#include "program/program.h"
#include "python/bindings.h"

namespace nb = nanobind;

namespace modelexport::python {

namespace {

nb::object to_python(const program::Argument& argument);

nb::object to_python(const program::Arguments& items) {
  nb::list result;
  for (const program::Argument& item : items) result.append(to_python(item));
  return result;
}
nb::object to_python(std::monostate /*none*/) { return nb::none(); }
nb::object to_python(program::ValueRef ref) { return nb::int_(ref.id); }
nb::object to_python(program::GraphRef ref) { return nb::int_(ref.index); }
nb::object to_python(DType dtype) { return nb::cast(std::string(name_of(dtype))); }
nb::object to_python(const program::DeviceName& device) { return nb::cast(device.name); }
nb::object to_python(const program::MemoryFormat& format) { return nb::cast(format.name); }
nb::object to_python(const program::Layout& layout) { return nb::cast(layout.name); }
template <typename Plain>
nb::object to_python(const Plain& value) {
  return nb::cast(value);
}

nb::object to_python(const program::Argument& argument) {
  return std::visit([](const auto& value) { return to_python(value); }, argument.value);
}

nb::dict describe_schema(const std::string& text) {
  const program::Schema schema = program::parse_schema(text);
  nb::list arguments;
  for (const program::SchemaArgument& argument : schema.arguments) {
    nb::dict described;
    described["name"] = argument.name;
    described["type"] = argument.type;
    described["alias"] = argument.alias;
    described["is_written"] = argument.is_written;
    described["keyword_only"] = argument.keyword_only;
    if (argument.default_value != nullptr) described["default"] = to_python(*argument.default_value);
    arguments.append(described);
  }
  nb::list returns;
  for (const program::SchemaReturn& result : schema.returns) {
    nb::dict described;
    described["type"] = result.type;
    described["alias"] = result.alias;
    described["is_written"] = result.is_written;
    returns.append(described);
  }
  nb::dict described;
  described["name"] = schema.name;
  described["arguments"] = arguments;
  described["returns"] = returns;
  return described;
}

}  // namespace

void bind_ops(nb::module_& module) {
  module.def(
      "op_schemas",
      [] {
        std::vector<std::string> schemas;
        for (const lower::Row* row : lower::all_rows()) schemas.emplace_back(row->schema);
        return schemas;
      },
      "The schema strings of all rows of the op table, in its order.");
  module.def("describe_schema", &describe_schema, nb::arg("text"),
             "The parts of an operator's schema: name, arguments and returns, as dictionaries.");
}

}  // namespace modelexport::python
