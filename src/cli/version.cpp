#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "modelexport/export.h"

namespace modelexport::cli {

void add_version(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("version", "Print the version");
  command->footer("Examples:\n  modelexport version");
  command->callback([&action] {
    action = [](Console& console) {
      console.out << "modelexport " << version() << '\n';
      return kOk;
    };
  });
}

}  // namespace modelexport::cli
