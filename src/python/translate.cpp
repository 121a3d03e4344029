#include "python/translate.h"

#include <nanobind/stl/complex.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <complex>
#include <string>

#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::python {

namespace nb = nanobind;

namespace {

using program::Argument;
using program::Arguments;

// The arguments of a call as Python has them.
class PythonCall {
 public:
  PythonCall(const lower::TranslatedCall& call, nb::handle translations) : call_(call), translations_(translations) {}

  // (name, value) each, in schema order.
  nb::list arguments() {
    nb::list result;
    for (const program::NamedArgument& argument : call_.node.args) {
      result.append(nb::make_tuple(argument.name, object(argument.value)));
    }
    return result;
  }

 private:
  nb::object object(const Argument& argument) {
    if (argument.as<program::ValueRef>() != nullptr) return tensor(call_.tensors.at(next_++));
    if (const auto* integer = argument.as<int64_t>()) return nb::int_(*integer);
    if (const auto* real = argument.as<double>()) return nb::float_(*real);
    if (const auto* truth = argument.as<bool>()) return nb::bool_(*truth);
    if (const auto* text = argument.as<std::string>()) return nb::str(text->c_str());
    if (const auto* number = argument.as<std::complex<double>>()) return nb::cast(*number);
    if (const auto* dtype = argument.as<DType>()) return nb::int_(static_cast<int>(*dtype));
    if (const auto* device = argument.as<program::DeviceName>()) return nb::str(device->name.c_str());
    if (const auto* format = argument.as<program::MemoryFormat>()) return nb::str(format->name.c_str());
    if (const auto* layout = argument.as<program::Layout>()) return nb::str(layout->name.c_str());
    if (const auto* list = argument.as<Arguments>()) {
      nb::list items;
      for (const Argument& item : *list) items.append(object(item));
      return items;
    }
    return nb::none();
  }

  nb::object tensor(const onnx::Value& value) {
    nb::object shape = nb::none();
    if (value.shape) {
      nb::list sizes;
      for (const onnx::Dim& dim : *value.shape) {
        if (dim.is_static()) {
          sizes.append(dim.value);
        } else if (dim.param.empty()) {
          sizes.append(nb::none());
        } else {
          sizes.append(dim.param);
        }
      }
      shape = sizes;
    }
    return translations_.attr("tensor")(static_cast<int>(value.dtype), shape);
  }

  const lower::TranslatedCall& call_;
  nb::handle translations_;
  std::size_t next_ = 0;
};

std::string translated(const lower::TranslatedCall& call, nb::handle translations) {
  const nb::gil_scoped_acquire acquire;
  try {
    const nb::object graph =
        translations.attr("translate")(call.node.target, PythonCall(call, translations).arguments());
    const nb::bytes bytes(graph);
    return {bytes.c_str(), bytes.size()};
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;
    fail(nb::cast<std::string>(nb::str(error.value())));
  }
}

}  // namespace

lower::Translations read_translations(const nb::dict& options) {
  if (!options.contains("translations") || options["translations"].is_none()) return {};
  const nb::handle translations = options["translations"];
  lower::Translations result;
  for (const auto& target : nb::cast<std::vector<std::string>>(translations.attr("targets"))) {
    result.targets.insert(target);
  }
  result.translate = [translations](const lower::TranslatedCall& call) { return translated(call, translations); };
  return result;
}

}  // namespace modelexport::python
