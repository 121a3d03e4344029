#include "cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <ostream>

#include "cli/command.h"
#include "modelexport/export.h"
#include "support/error.h"

namespace modelexport::cli {
namespace {

using AddCommand = void (*)(CLI::App&, Action&);

// The commands, in the order that --help lists them.
constexpr AddCommand kCommands[] = {add_export,     add_analyze, add_inspect, add_query, add_stats,
                                    add_validate,   add_diff,    add_tag,     add_carry, add_batch,
                                    add_completion, add_manual,  add_version};

std::string help_footer() {
  std::string text = "modelexport COMMAND --help has every option and examples.\n\nExit codes:\n";
  for (const ExitCode& exit : kExitCodes) text += fmt::format("  {:<3} {}\n", exit.code, exit.meaning);
  return text;
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::BadInput:
      return 3;
    case ErrorKind::Io:
      return 4;
    case ErrorKind::UnsupportedOperator:
      return 5;
    case ErrorKind::Coverage:
    case ErrorKind::ContextInheritance:
    case ErrorKind::AuxiliaryOperation:
      return 6;
    case ErrorKind::MemoryLimit:
      return 7;
    case ErrorKind::Capture:
      return 8;
    case ErrorKind::Verification:
      return 9;
    case ErrorKind::Interrupted:
      return 130;
    case ErrorKind::Internal:
      return 70;
  }
  return 70;
}

// Errors take one line, whatever a file's names hold.
int report(Console& console, std::string message, int code) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  console.err << "modelexport: error: " << message << '\n';
  return code;
}

int execute(Console& console, const Action& action) {
  try {
    const int code = action(console);
    console.out.flush();
    if (!console.out) return report(console, "standard output cannot be written", exit_code(ErrorKind::Io));
    return code;
  } catch (const Error& error) {
    return report(console, error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return report(console, "out of memory", exit_code(ErrorKind::MemoryLimit));
  } catch (const std::exception& error) {
    return report(console, error.what(), exit_code(ErrorKind::Internal));
  }
}

}  // namespace

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Host& host) {
  Console console{out, err, host};
  CLI::App app("Exports PyTorch models to ONNX and keeps track of the module that each node came from.", "modelexport");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  app.footer(help_footer());
  Action action;
  for (const AddCommand add : kCommands) add(app, action);
  if (arguments.empty()) return report(console, "a command is required (see modelexport --help)", kUsage);
  const std::string& name = arguments.front();
  const bool is_command = !app.get_subcommands([&](CLI::App* command) { return command->check_name(name); }).empty();
  if (!is_command && !name.starts_with('-')) {
    return report(console, "there is no command '" + name + "' (see modelexport --help)", kUsage);
  }
  // CLI11 takes arguments from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked, out, err);
  } catch (const CLI::ParseError& error) {
    return report(console, std::string(error.what()) + " (see modelexport --help)", kUsage);
  }
  return execute(console, action);
}

}  // namespace modelexport::cli
