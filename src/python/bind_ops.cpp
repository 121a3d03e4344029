// modelexport._core: what the op table says.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "lower/op_table.h"
#include "python/bindings.h"

namespace nb = nanobind;

namespace modelexport::python {

void bind_ops(nb::module_& module) {
  module.def(
      "op_schemas",
      [] {
        std::vector<std::string> schemas;
        for (const lower::Row* row : lower::all_rows()) schemas.emplace_back(row->schema);
        return schemas;
      },
      "The schema strings of all rows of the op table, in its order.");
}

}  // namespace modelexport::python
