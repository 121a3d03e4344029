#include "cli/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "support/atomic_file.h"

namespace modelexport::cli {
namespace {

constexpr std::string_view kBetweenChoices = ", ";

}  // namespace

CLI::Option& add_choice(CLI::App& command, const std::string& option, const std::string& description,
                        const std::vector<std::string>& names, const std::function<void(std::size_t)>& choose) {
  const std::string list = fmt::format("{}", fmt::join(names, kBetweenChoices));
  return *command
              .add_option_function<std::string>(
                  option,
                  [=](const std::string& name) {
                    const auto found = std::find(names.begin(), names.end(), name);
                    if (found == names.end())
                      throw CLI::ValidationError(option, fmt::format("'{}' is none of {}", name, list));
                    choose(static_cast<std::size_t>(found - names.begin()));
                  },
                  fmt::format("{}: {}", description, list))
              ->type_name(list)
              ->option_text("NAME");
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string list = option.get_type_name();
  std::vector<std::string> choices;
  std::size_t begin = 0;
  for (std::size_t end; (end = list.find(kBetweenChoices, begin)) != std::string::npos;) {
    choices.push_back(list.substr(begin, end - begin));
    begin = end + kBetweenChoices.size();
  }
  if (!choices.empty()) choices.push_back(list.substr(begin));
  return choices;
}

void add_source_option(CLI::App& command, tag::TagSource& source) {
  add_choice<tag::TagSource>(
      command, "--source", "Where to read tags (auto: the file, else its sidecar)",
      {{"auto", tag::TagSource::Auto}, {"onnx", tag::TagSource::Onnx}, {"sidecar", tag::TagSource::Sidecar}}, source);
}

void add_metadata_option(CLI::App& command, MetadataLevel& level) {
  add_choice<MetadataLevel>(
      command, "--metadata", "Which keys to write to nodes",
      {{"full", MetadataLevel::Full}, {"minimal", MetadataLevel::Minimal}, {"none", MetadataLevel::None}}, level);
}

void add_output_option(CLI::App& command, std::string& path) {
  command.add_option("-o,--output", path, "File to write; - for standard output")->option_text("FILE");
}

void write_output(Console& console, const std::string& path, const std::function<void(std::ostream&)>& write) {
  if (path == "-") {
    write(console.out);
    return;
  }
  AtomicFiles files;
  write(files.open(path));
  files.commit();
}

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows,
                 const std::vector<bool>& is_number) {
  std::vector<std::size_t> widths(is_number.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 0) line += "  ";
      line += is_number[i] ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

}  // namespace modelexport::cli
