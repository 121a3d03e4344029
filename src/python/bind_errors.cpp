// Errors of the core as the exceptions of modelexport.exceptions.
#include <nanobind/nanobind.h>

#include <exception>

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

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const nb::object type = nb::module_::import_("modelexport.exceptions").attr(exception_name(error.kind()));
    PyErr_SetString(type.ptr(), error.what());
  }
}

}  // namespace

void bind_errors(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace modelexport::python
