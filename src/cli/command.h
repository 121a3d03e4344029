// What the files of the commands share: how a command joins the table, and where it prints.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/host.h"
#include "tag/load.h"
#include "tag/tag.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace modelexport::cli {

// Exit codes. Errors have those of exit_code(ErrorKind).
inline constexpr int kOk = 0;
inline constexpr int kFindings = 1;
inline constexpr int kUsage = 2;
struct ExitCode {
  int code;
  const char* meaning;
};
inline constexpr ExitCode kExitCodes[] = {
    {kOk, "done"},
    {kFindings, "done, with findings: validate and diff found differences, query found no node"},
    {kUsage, "the command line is wrong"},
    {3, "the input is wrong: no ONNX file, a sidecar of another model or version, a query that does not parse"},
    {4, "the file system refused: a missing file, a full disk"},
    {5, "the model has operators without an ONNX form; all are listed"},
    {6, "a node would have been written without a tag"},
    {7, "out of memory"},
    {8, "torch.export cannot capture the model"},
    {9, "--verify: the file does not compute what the model does; it was removed"},
    {70, "a bug of this program; please report it"},
    {130, "interrupted"},
};

struct Console {
  std::ostream& out;
  std::ostream& err;
  const Host& host;
};

// What a parsed command line asks for.
using Action = std::function<int(Console&)>;

// Each adds one command to `app`; parsing it sets `action`.
void add_export(CLI::App& app, Action& action);
void add_analyze(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_query(CLI::App& app, Action& action);
void add_stats(CLI::App& app, Action& action);
void add_validate(CLI::App& app, Action& action);
void add_diff(CLI::App& app, Action& action);
void add_tag(CLI::App& app, Action& action);
void add_carry(CLI::App& app, Action& action);
void add_batch(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);
void add_manual(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);

// ---- shared options ----
template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;
// An option whose value is one of these names.
CLI::Option& add_choice(CLI::App& command, const std::string& option, const std::string& description,
                        const std::vector<std::string>& names, const std::function<void(std::size_t)>& choose);
template <typename T>
CLI::Option& add_choice(CLI::App& command, const std::string& option, const std::string& description,
                        const Choices<T>& choices, T& value) {
  std::vector<std::string> names;
  for (const auto& [name, choice] : choices) names.push_back(name);
  return add_choice(command, option, description, names,
                    [choices, &value](std::size_t i) { value = choices[i].second; });
}
inline CLI::Option& add_choice(CLI::App& command, const std::string& option, const std::string& description,
                               const std::vector<std::string>& names, std::string& value) {
  return add_choice(command, option, description, names, [names, &value](std::size_t i) { value = names[i]; });
}
// The names, of an option that add_choice() made; none of any other.
[[nodiscard]] std::vector<std::string> choices_of(const CLI::Option& option);
void add_source_option(CLI::App& command, tag::TagSource& source);
void add_metadata_option(CLI::App& command, MetadataLevel& level);
void add_output_option(CLI::App& command, std::string& path);

// Calls `write` with the file at `path`, or with the console for "-". The file appears whole or not at all.
void write_output(Console& console, const std::string& path, const std::function<void(std::ostream&)>& write);

// Columns of text: numbers to the right, everything else to the left.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows,
                 const std::vector<bool>& is_number);

}  // namespace modelexport::cli
