// Errors of the core as the exceptions of modelexport.exceptions.
#include <nanobind/nanobind.h>

#include <exception>

#include "lower/lower.h"
#include "program/program_builder.h"
#include "python/bindings.h"
#include "support/error.h"

namespace modelexport::python {

namespace nb = nanobind;

namespace {

const char* exception_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::BadInput:
      return "InvalidInputError";
    case ErrorKind::UnsupportedOperator:
      return "UnsupportedOperatorError";
    case ErrorKind::Io:
      return "OutputError";
    case ErrorKind::Coverage:
      return "CoverageValidationError";
    case ErrorKind::ContextInheritance:
      return "ContextInheritanceError";
    case ErrorKind::AuxiliaryOperation:
      return "AuxiliaryOperationError";
    case ErrorKind::MemoryLimit:
      return "MemoryLimitError";
    case ErrorKind::Internal:
      return "InternalError";
  }
  return "InternalError";
}

// UnsupportedOperatorError(message, [(operator, calls, path of the first module, why), ...]).
void raise_unsupported(const lower::UnsupportedOperators& error) {
  nb::list operators;
  for (const lower::UnsupportedOperator& op : error.operators) {
    operators.append(
        nb::make_tuple(program::torch_name(op.target).c_str(), op.count, op.module.c_str(), op.why.c_str()));
  }
  const nb::object type = nb::module_::import_("modelexport.exceptions").attr("UnsupportedOperatorError");
  PyErr_SetObject(type.ptr(), type(error.what(), operators).ptr());
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const lower::UnsupportedOperators& error) {
    raise_unsupported(error);
  } catch (const Error& error) {
    const nb::object type = nb::module_::import_("modelexport.exceptions").attr(exception_name(error.kind()));
    PyErr_SetString(type.ptr(), error.what());
  }
}

}  // namespace

void bind_errors(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace modelexport::python
