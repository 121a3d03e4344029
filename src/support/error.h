// One exception type for everything a user can cause, carrying the chain of places it travelled through.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelexport {

// Which documented exception (and exit code) an Error becomes at the borders.
enum class ErrorKind {
  BadInput,             // a file or argument that is not what it should be
  UnsupportedOperator,  // no lowering for an operator
  Io,                   // the file system said no
  Coverage,             // a node without a tag
  ContextInheritance,   // a scope that could not be inherited
  AuxiliaryOperation,   // an auxiliary operation that could not be processed
  MemoryLimit,          // the work would not fit the limit that the user gave
  Capture,              // torch could not capture the model (Python says so)
  Verification,         // the written file does not compute what the model does (Python says so)
  Interrupted,          // the user ended the work
  Internal,             // a broken invariant of this library
};

// what() is one line, outermost context first: "model.onnx: node 12: bad varint at byte 77".
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  [[nodiscard]] ErrorKind kind() const { return kind_; }

  // The same error, seen from further out.
  [[nodiscard]] Error in(std::string_view context) const { return {kind_, std::string(context) + ": " + what()}; }

 private:
  ErrorKind kind_;
};

[[noreturn]] inline void fail(const std::string& message) { throw Error(ErrorKind::BadInput, message); }
[[noreturn]] inline void fail(ErrorKind kind, const std::string& message) { throw Error(kind, message); }

// Runs `body`; an Error leaving it names `context`.
template <typename Body>
decltype(auto) with_context(std::string_view context, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& error) {
    throw error.in(context);
  }
}

}  // namespace modelexport
