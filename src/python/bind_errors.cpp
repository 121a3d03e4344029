// Errors of the core as the exceptions of modelexport.exceptions.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <exception>
#include <string>

#include "lower/lower.h"
#include "program/program_builder.h"
#include "python/bindings.h"
#include "support/error.h"

namespace modelexport::python {

namespace nb = nanobind;

namespace {

struct Row {
  ErrorKind kind;
  const char* exception;  // of modelexport.exceptions
};
constexpr Row kRows[] = {
    {ErrorKind::BadInput, "InvalidInputError"},
    {ErrorKind::UnsupportedOperator, "UnsupportedOperatorError"},
    {ErrorKind::Io, "OutputError"},
    {ErrorKind::Coverage, "CoverageValidationError"},
    {ErrorKind::ContextInheritance, "ContextInheritanceError"},
    {ErrorKind::AuxiliaryOperation, "AuxiliaryOperationError"},
    {ErrorKind::MemoryLimit, "MemoryLimitError"},
    {ErrorKind::Capture, "CaptureError"},
    {ErrorKind::Verification, "VerificationError"},
    {ErrorKind::Internal, "InternalError"},
};

const char* exception_name(ErrorKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row.exception;
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

Error error_of(const nb::python_error& raised) {
  const std::string message = nb::cast<std::string>(nb::str(raised.value()));
  const nb::object types = nb::module_::import_("modelexport.exceptions");
  for (const Row& row : kRows) {
    if (raised.matches(types.attr(row.exception))) return {row.kind, message};
  }
  if (raised.matches(PyExc_KeyboardInterrupt)) return {ErrorKind::Interrupted, "interrupted"};
  const std::string type = nb::cast<std::string>(raised.type().attr("__name__"));
  return {ErrorKind::Internal, type + ": " + message};
}

void bind_errors(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace modelexport::python
