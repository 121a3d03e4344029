// The configuration file of `modelexport export`: JSON whose keys are the keywords of the Python function.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline.h"
#include "support/json.h"

namespace modelexport::cli {

struct Setting {
  std::string key;
  json::Value value;
  std::size_t line = 0;  // in the file; 0 for what the command line gave
};

struct Config {
  std::string path;
  std::vector<Setting> settings;

  // Later settings of a key win.
  void set(const std::string& key, json::Value value) { settings.push_back({key, std::move(value), 0}); }
};

// Checks keys and types. Throws Error naming the file, the line and the key.
[[nodiscard]] Config read_config(const std::string& path);

// Inputs as the command line gives them: "input_ids=int64[1,128] mask=bool[1,128]", names and dtypes may be left out.
// The value has the form of the key input_specs, unnamed inputs under "0", "1", ...; throws Error.
[[nodiscard]] json::Value parse_inputs(std::string_view text);

// The options of an export without Python. Throws Error for a key that only a capture can obey.
[[nodiscard]] ExportOptions export_options(const Config& config);

}  // namespace modelexport::cli
