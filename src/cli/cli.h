// The command line as a library: the `modelexport` executable and the Python console script call the same run().
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/host.h"

namespace modelexport::cli {

// `arguments` without the program's name. Returns the exit code (docs/cli.md); never throws for what a user can do.
int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Host& host = nullptr);

}  // namespace modelexport::cli
