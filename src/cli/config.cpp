#include "cli/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "support/error.h"
#include "support/json_reader.h"
#include "support/mapped_file.h"

namespace modelexport::cli {
namespace {

// ---- what a value may be -----------------------------------------------------------------------------------------
void read_flag(json::Reader& in) { static_cast<void>(in.boolean()); }
void read_integer(json::Reader& in) { static_cast<void>(in.integer()); }
void read_text(json::Reader& in) { static_cast<void>(in.string()); }
void read_names(json::Reader& in) {
  in.array([&] { static_cast<void>(in.string()); });
}

// {"input": {"0": "batch"}} or {"input": [0, 1]}
void read_axes(json::Reader& in) {
  in.object([&](std::string_view) {
    if (in.peek() == '[') {
      in.array([&] { static_cast<void>(in.integer()); });
      return;
    }
    in.object([&](std::string_view axis) {
      int64_t number = 0;
      const auto [end, status] = std::from_chars(axis.data(), axis.data() + axis.size(), number);
      if (status != std::errc() || end != axis.data() + axis.size()) {
        in.fail_here(fmt::format("axis '{}' is no integer", axis));
      }
      static_cast<void>(in.string());
    });
  });
}

constexpr std::array<std::string_view, 15> kDtypes = {"bfloat16", "bool",    "double", "float", "float16",
                                                      "float32",  "float64", "half",   "int",   "int16",
                                                      "int32",    "int64",   "int8",   "long",  "uint8"};

void check_dtype(std::string_view name) {
  if (std::find(kDtypes.begin(), kDtypes.end(), name) != kDtypes.end()) return;
  fail(fmt::format("dtype '{}' is none of {}", name, fmt::join(kDtypes, ", ")));
}

void read_range(json::Reader& in) {
  std::vector<double> bounds;
  in.array([&] { bounds.push_back(in.number()); });
  if (bounds.size() != 2 || !(bounds[0] < bounds[1])) {
    in.fail_here("range must be two numbers, the first below the second");
  }
}

// {"input_ids": {"dtype": "int", "shape": [1, 128], "range": [0, 50257]}}
void read_specs(json::Reader& in) {
  in.object([&](std::string_view) {
    in.object([&](std::string_view key) {
      if (key == "dtype") {
        check_dtype(in.string());
      } else if (key == "shape") {
        in.array([&] {
          if (in.integer() < 0) in.fail_here("shape has a negative size");
        });
      } else if (key == "range") {
        read_range(in);
      } else {
        in.fail_here(fmt::format("unknown key '{}'; an input has dtype, shape, range", key));
      }
    });
  });
}

std::vector<std::string> names_of(const json::Value& value) {
  std::vector<std::string> names;
  for (const json::Value& item : value.array()) names.push_back(item.string());
  return names;
}

// What `value` stands for among `choices`.
template <typename T>
T choice_of(const json::Value& value, std::initializer_list<std::pair<std::string_view, T>> choices) {
  std::vector<std::string_view> names;
  for (const auto& [name, choice] : choices) {
    if (name == value.string()) return choice;
    names.push_back(name);
  }
  fail(fmt::format("'{}' is none of {}", value.string(), fmt::join(names, ", ")));
}

int64_t opset_of(const json::Value& value) {
  check_opset(value.integer());
  return value.integer();
}
MetadataLevel metadata_of(const json::Value& value) {
  using enum MetadataLevel;
  return choice_of<MetadataLevel>(value, {{"full", Full}, {"minimal", Minimal}, {"none", None}});
}
bool links(const json::Value& value) { return choice_of<bool>(value, {{"copy", false}, {"link", true}}); }
bool keeps(const json::Value& value) { return choice_of<bool>(value, {{"refuse", false}, {"keep", true}}); }

struct Key {
  std::string_view name;
  void (*read)(json::Reader&);
  void (*apply)(ExportOptions&, const json::Value&);  // null for what only a capture can obey
};
constexpr Key kKeys[] = {
    {"opset_version", read_integer, [](auto& options, auto& value) { options.opset = opset_of(value); }},
    {"input_names", read_names, [](auto& options, auto& value) { options.input_names = names_of(value); }},
    {"output_names", read_names, [](auto& options, auto& value) { options.output_names = names_of(value); }},
    {"dynamic_axes", read_axes, nullptr},
    {"do_constant_folding", read_flag, [](auto& options, auto& value) { options.fold_constants = value.boolean(); }},
    {"input_specs", read_specs, nullptr},
    {"optimize", read_flag, [](auto& options, auto& value) { options.optimize = value.boolean(); }},
    {"export_params", read_flag, [](auto& options, auto& value) { options.export_params = value.boolean(); }},
    {"keep_initializers_as_inputs", read_flag,
     [](auto& options, auto& value) { options.keep_initializers_as_inputs = value.boolean(); }},
    {"external_data", read_flag, [](auto& options, auto& value) { options.external_data = value.boolean(); }},
    {"weights", read_text, [](auto& options, auto& value) { options.link_weights = links(value); }},
    {"metadata", read_text, [](auto& options, auto& value) { options.metadata = metadata_of(value); }},
    {"buffer_outputs", read_flag, [](auto& options, auto& value) { options.buffer_outputs = value.boolean(); }},
    {"custom_ops", read_text, [](auto& options, auto& value) { options.custom_ops_keep = keeps(value); }},
    {"capture", read_text, nullptr},
    {"trace_data_dependent", read_text, nullptr},
    {"verify", read_flag, nullptr},
    {"fallback", read_flag, [](auto&, auto&) {}},  // which takes Python; the core has none
    {"require_context", read_flag, [](auto& options, auto& value) { options.require_context = value.boolean(); }},
};

const Key* find_key(std::string_view name) {
  const Key* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
  return key == std::end(kKeys) ? nullptr : key;
}

std::string key_names() {
  std::vector<std::string_view> names;
  for (const Key& key : kKeys) names.push_back(key.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// ---- where an error is -------------------------------------------------------------------------------------------
std::size_t line_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
}

// ---- inputs of the command line -----------------------------------------------------------------------------------
json::Array parse_sizes(std::string_view text) {
  json::Array sizes;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    int64_t size = 0;
    const auto [end, status] = std::from_chars(item.data(), item.data() + item.size(), size);
    if (status != std::errc() || end != item.data() + item.size() || size < 0) {
      fail(fmt::format("the size '{}' is no number", item));
    }
    sizes.push_back({size});
    text.remove_prefix(std::min(item.size() + 1, text.size()));
  }
  return sizes;
}

// "mask=bool[1,128]" at `at`, which moves behind it.
std::pair<std::string, json::Value> parse_input(std::string_view text, std::size_t& at) {
  const std::size_t open = text.find('[', at);
  const std::size_t close = text.find(']', at);
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    fail("the sizes in [] are missing");
  const std::string_view head = text.substr(at, open - at);
  const std::size_t equals = head.find('=');
  const std::string_view dtype = equals == std::string_view::npos ? head : head.substr(equals + 1);
  json::Object spec;
  if (!dtype.empty()) {
    check_dtype(dtype);
    spec.emplace_back("dtype", json::Value{std::string(dtype)});
  }
  spec.emplace_back("shape", json::Value{parse_sizes(text.substr(open + 1, close - open - 1))});
  at = close + 1;
  return {std::string(equals == std::string_view::npos ? "" : head.substr(0, equals)), json::Value{std::move(spec)}};
}

template <typename Parse>
void with_inputs_context(const std::size_t& at, const Parse& parse) {
  try {
    parse();
  } catch (const Error& error) {
    fail(fmt::format("--inputs: column {}: {}; write them as input_ids=int64[1,128] mask=bool[1,128]", at + 1,
                     error.what()));
  }
}

// The reader's message without the byte, which the line stands for.
std::string_view without_byte(std::string_view message) { return message.substr(0, message.rfind(" at byte ")); }

}  // namespace

Config read_config(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  Config config;
  config.path = path;
  json::Reader in(text);
  std::string current;
  try {
    in.object([&](std::string_view name) {
      current = name;
      const Key* key = find_key(name);
      if (key == nullptr) in.fail_here(fmt::format("unknown key; known are {}", key_names()));
      for (const Setting& given : config.settings) {
        if (given.key == name) in.fail_here(fmt::format("given in line {} already", given.line));
      }
      in.peek();
      const std::size_t start = in.offset();
      key->read(in);
      config.settings.push_back({current, json::parse(text.substr(start, in.offset() - start)), line_of(text, start)});
    });
    current.clear();
    in.expect_end();
  } catch (const Error& error) {
    fail(fmt::format("{}: line {}: {}{}{}", path, line_of(text, in.offset()), current, current.empty() ? "" : ": ",
                     without_byte(error.what())));
  }
  return config;
}

json::Value parse_inputs(std::string_view text) {
  json::Object inputs;
  std::size_t at = 0;
  with_inputs_context(at, [&] {
    for (at = text.find_first_not_of(' '); at < text.size(); at = text.find_first_not_of(' ', at)) {
      std::size_t end = at;
      auto [name, spec] = parse_input(text, end);
      if (name.empty()) name = std::to_string(inputs.size());
      for (const auto& known : inputs) {
        if (known.first == name) fail(fmt::format("'{}' is given twice", name));
      }
      inputs.emplace_back(std::move(name), std::move(spec));
      at = end;
    }
    if (inputs.empty()) fail("there is no input");
  });
  return {std::move(inputs)};
}

ExportOptions export_options(const Config& config) {
  ExportOptions options;
  for (const Setting& setting : config.settings) {
    const std::string where =
        setting.line == 0 ? setting.key : fmt::format("{}: line {}: {}", config.path, setting.line, setting.key);
    with_context(where, [&] {
      const Key* key = find_key(setting.key);
      if (key->apply == nullptr) fail("a .pt2 file was captured with its inputs; say this where it is captured");
      key->apply(options, setting.value);
    });
  }
  return options;
}

}  // namespace modelexport::cli
