// The command line as data — commands, options, choices — for what is generated from it: completion and the manual.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace modelexport::cli {

struct OptionText {
  std::vector<std::string> names;    // "-o", "--output"; none for an argument by position
  std::string value;                 // "FILE"; empty for a flag
  std::vector<std::string> choices;  // the values that it may have, when they are few
  std::string description;
  bool is_required = false;
};

struct CommandText {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<OptionText> options;

  // Every name of every option: "--json", "-o", ...
  [[nodiscard]] std::vector<std::string> option_names() const;
};

// The commands in the order of --help.
[[nodiscard]] std::vector<CommandText> describe(const CLI::App& app);

}  // namespace modelexport::cli
