// modelexport manual: the man page, made of what --help prints of every command.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/describe.h"
#include "modelexport/export.h"

namespace modelexport::cli {
namespace {

// man(7): a backslash begins an escape, "-" alone is a hyphen, and a line that begins with "." or "'" is a request.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else {
      out += c == '-' ? std::string("\\-") : std::string(1, c);
    }
  }
  return out;
}

void write_option(std::ostream& out, const OptionText& option) {
  const std::string names = fmt::format("{}", fmt::join(option.names, ", "));
  const std::string_view space = names.empty() || option.value.empty() ? "" : " ";
  out << fmt::format(".TP\n\\fB{}\\fR{}\\fI{}\\fR\n{}\n", roff(names), space, roff(option.value),
                     roff(option.description));
}

void write_command(std::ostream& out, const CommandText& command) {
  std::string synopsis = "modelexport " + command.name;
  for (const OptionText& option : command.options) {
    if (!option.names.empty()) continue;
    synopsis += option.is_required ? " " + option.value : " [" + option.value + "]";
  }
  out << fmt::format(".SS {}\n{}.\n", roff(synopsis), roff(command.description));
  for (const OptionText& option : command.options) write_option(out, option);
  out << ".PP\n.nf\n" << roff(command.footer) << "\n.fi\n";
}

void write_manual(std::ostream& out, const CLI::App& app) {
  out << fmt::format(".TH MODELEXPORT 1 \"\" \"modelexport {}\"\n", version());
  out << ".SH NAME\nmodelexport \\- PyTorch models to ONNX, with the module that each node came from\n";
  out << ".SH SYNOPSIS\n.B modelexport\n.I COMMAND\n[\\fIOPTIONS\\fR] ...\n";
  out << ".SH DESCRIPTION\n" << roff(app.get_description()) << '\n';
  out << ".SH COMMANDS\n";
  for (const CommandText& command : describe(app)) write_command(out, command);
  out << ".SH EXIT STATUS\n";
  for (const ExitCode& exit : kExitCodes) out << fmt::format(".TP\n{}\n{}\n", exit.code, roff(exit.meaning));
}

}  // namespace

void add_manual(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("manual", "Print the man page");
  command->footer("Examples:\n  modelexport manual | man -l -");
  command->callback([&app, &action] {
    action = [&app](Console& console) {
      write_manual(console.out, app);
      return kOk;
    };
  });
}

}  // namespace modelexport::cli
