// modelexport completion: what makes a shell complete commands, options and their choices.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/describe.h"

namespace modelexport::cli {
namespace {

using Commands = std::vector<CommandText>;

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::vector<std::string> names_of(const Commands& commands) {
  std::vector<std::string> names;
  for (const CommandText& command : commands) names.push_back(command.name);
  return names;
}

// Words break at "=" too, so that "--weights=link" is three of them.
void write_bash(std::ostream& out, const Commands& commands) {
  out << R"(# bash completion of modelexport
_modelexport() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=
  if [[ $current == = ]]; then current=
  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
)";
  out << fmt::format("    words='{} --help --version'\n  else\n", fmt::join(names_of(commands), " "));
  out << "    case ${COMP_WORDS[1]}:$previous in\n";
  for (const CommandText& command : commands) {
    for (const OptionText& option : command.options) {
      if (option.choices.empty()) continue;
      // What comes by position comes behind the command.
      for (const std::string& name : option.names.empty() ? std::vector{command.name} : option.names) {
        out << fmt::format("      {}:{}) words='{}' ;;\n", command.name, name, fmt::join(option.choices, " "));
      }
    }
  }
  out << "    esac\n    if [[ -z $words && $current == -* ]]; then\n      case ${COMP_WORDS[1]} in\n";
  for (const CommandText& command : commands) {
    out << fmt::format("        {}) words='{}' ;;\n", command.name, fmt::join(command.option_names(), " "));
  }
  out << R"(      esac
    fi
  fi
  [[ -z $words ]] || COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _modelexport modelexport
)";
}

std::string zsh_quoted(const std::string& text) { return replace_all(text, "'", "'\\''"); }

// One specification of _arguments: '(-o --output)'{-o,--output}'[File to write]:FILE:_files'.
std::string zsh_argument(const OptionText& option) {
  std::string value;
  if (!option.value.empty() || option.names.empty()) {
    const std::string action = option.choices.empty() ? "_files" : fmt::format("({})", fmt::join(option.choices, " "));
    value = fmt::format(":{}:{}", option.value, action);
  }
  if (option.names.empty()) return fmt::format("'{}'", zsh_quoted(value));
  std::string description = replace_all(replace_all(option.description, "[", "("), "]", ")");
  const std::string rest = fmt::format("'[{}]{}'", zsh_quoted(replace_all(description, ":", "\\:")), value);
  if (option.names.size() == 1) return option.names.front() + rest;
  return fmt::format("'({})'{{{}}}{}", fmt::join(option.names, " "), fmt::join(option.names, ","), rest);
}

void write_zsh(std::ostream& out, const Commands& commands) {
  out << "#compdef modelexport\n_modelexport() {\n  local -a commands=(\n";
  for (const CommandText& command : commands) {
    out << fmt::format("    '{}:{}'\n", command.name, zsh_quoted(command.description));
  }
  out << R"(  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
)";
  for (const CommandText& command : commands) {
    out << fmt::format("    {})\n      _arguments", command.name);
    for (const OptionText& option : command.options) out << " \\\n        " << zsh_argument(option);
    out << "\n      ;;\n";
  }
  out << "  esac\n}\n_modelexport \"$@\"\n";
}

std::string fish_quoted(const std::string& text) {
  return "'" + replace_all(replace_all(text, "\\", "\\\\"), "'", "\\'") + "'";
}

void write_fish(std::ostream& out, const Commands& commands) {
  out << "# fish completion of modelexport\n";
  for (const CommandText& command : commands) {
    out << fmt::format("complete -c modelexport -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                       fish_quoted(command.description));
  }
  for (const CommandText& command : commands) {
    for (const OptionText& option : command.options) {
      if (option.names.empty() && option.choices.empty()) continue;
      out << fmt::format("complete -c modelexport -n '__fish_seen_subcommand_from {}'", command.name);
      for (const std::string& name : option.names) {
        out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      }
      if (!option.choices.empty()) {
        out << fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      } else if (!option.value.empty()) {
        out << " -r";
      }
      out << " -d " << fish_quoted(option.description) << '\n';
    }
  }
}

using WriteScript = void (*)(std::ostream&, const Commands&);

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("completion", "Print what makes a shell complete this command line");
  auto write = std::make_shared<WriteScript>(nullptr);
  add_choice<WriteScript>(*command, "shell", "Shell", {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}},
                          *write)
      .required()
      ->option_text("SHELL");
  command->footer("Examples:\n  modelexport completion bash > ~/.local/share/bash-completion/completions/modelexport");
  command->callback([write, &app, &action] {
    action = [write, &app](Console& console) {
      (*write)(console.out, describe(app));
      return kOk;
    };
  });
}

}  // namespace modelexport::cli
