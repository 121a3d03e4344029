// The Python process around the command line, when there is one: it does what needs Python.
#pragma once

#include <functional>
#include <string>

namespace modelexport::cli {

// Does `task` ("export", "batch") as the JSON `request` says, and returns its result as JSON. Throws Error. The native
// executable has none: null.
using Host = std::function<std::string(const std::string& task, const std::string& request)>;

}  // namespace modelexport::cli
