#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace modelexport::cli {

void add_version(CLI::App& app, Action& action) {
  app.add_subcommand("version", "Print the version")->callback([&action] {
    action = [](Console& console) {
      console.out << "modelexport " << MODELEXPORT_VERSION << '\n';
      return kOk;
    };
  });
}

}  // namespace modelexport::cli
