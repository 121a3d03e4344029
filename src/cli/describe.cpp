#include "cli/describe.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace modelexport::cli {
namespace {

OptionText describe(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) text.value = option.get_option_text();
  text.choices = choices_of(option);
  text.description = option.get_description();
  text.is_required = option.get_required();
  return text;
}

}  // namespace

std::vector<std::string> CommandText::option_names() const {
  std::vector<std::string> all;
  for (const OptionText& option : options) all.insert(all.end(), option.names.begin(), option.names.end());
  return all;
}

std::vector<CommandText> describe(const CLI::App& app) {
  std::vector<CommandText> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandText text{command->get_name(), command->get_description(), command->get_footer(), {}};
    for (const CLI::Option* option : command->get_options()) text.options.push_back(describe(*option));
    commands.push_back(std::move(text));
  }
  return commands;
}

}  // namespace modelexport::cli
