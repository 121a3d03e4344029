#include "program/pt2_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "program/lint.h"
#include "program/pt2_archive.h"
#include "program/pt2_graph.h"
#include "program/pt2_members.h"
#include "program/pt2_types.h"
#include "program/pt2_weights.h"
#include "program/treespec.h"
#include "support/error.h"
#include "support/json.h"
#include "support/json_reader.h"
#include "support/utf8.h"

namespace modelexport::program {

namespace {

constexpr int64_t kSchemaMajor = 8;
constexpr std::string_view kModelFolder = "models/";
constexpr std::string_view kModelSuffix = ".json";
// Where nearly all of a program's text is.
constexpr std::array<std::string_view, 2> kOpened = {"graph_module", "graph"};
constexpr std::string_view kWayOut =
    "load it with the torch that wrote it and export from Python, or save it again with torch 2.9 or later";

// Refuses what is no program of torch.export, saying what it is.
void check_kind(const Pt2Archive& archive) {
  const auto has_prefix = [&](std::string_view prefix) {
    const auto first = archive.entries().lower_bound(prefix);
    return first != archive.entries().end() && first->first.starts_with(prefix);
  };
  if (archive.contains("serialized_exported_program.json")) {
    const std::string version = archive.contains("version") ? json::quote(archive.text("version")) : "unknown";
    fail(fmt::format("it has the format of torch 2.7 and earlier (schema version {}), whose weights are pickled; {}",
                     version, kWayOut));
  }
  if (has_prefix(kModelFolder)) return;
  if (archive.contains("constants.pkl")) fail("it is a TorchScript archive; export the module with torch.export.save");
  if (archive.contains("data.pkl")) fail("it is a pickle of torch.save; export the module with torch.export.save");
  if (has_prefix("data/aotinductor/")) fail("it is a package of compiled code without the program it came from");
  fail("it has no program: no entry is named models/<name>.json");
}

void check_byte_order(const Pt2Archive& archive) {
  if (!archive.contains("byteorder")) return;
  const std::string_view order = archive.text("byteorder");
  if (order != "little")
    fail(fmt::format("the byte order of its weights is {}; only \"little\" can be read", json::quote(order)));
}

// torch.export.save names its program "model"; packages may have others.
std::string model_name(const Pt2Archive& archive) {
  std::vector<std::string> names;
  for (const auto& [entry, place] : archive.entries()) {
    if (!entry.starts_with(kModelFolder) || !entry.ends_with(kModelSuffix)) continue;
    names.push_back(entry.substr(kModelFolder.size(), entry.size() - kModelFolder.size() - kModelSuffix.size()));
  }
  if (names.size() == 1 || std::ranges::find(names, "model") == names.end()) {
    if (names.size() != 1) fail(fmt::format("it has {} programs and none is called \"model\"", names.size()));
    return names.front();
  }
  return "model";
}

// torch 2.9's writer had other names for the configurations in between.
Pt2Weights open_weights(const Pt2Archive& archive, std::string_view folder, const std::string& config,
                        const std::string& earlier_config, const std::string& pickle) {
  const std::string path(folder);
  if (!archive.contains(path + config) && archive.contains(path + earlier_config)) {
    return {archive, path, path + earlier_config};
  }
  if (!archive.contains(path + config) && archive.contains(path + pickle)) {
    fail(fmt::format("it has the format of torch 2.8, whose {}{} is pickled; {}", path, pickle, kWayOut));
  }
  return {archive, path, path + config};
}

// How the signature writes an input or output of a kind.
struct InputForm {
  std::string_view tag;
  InputKind kind;
  std::string_view target_key;
};
constexpr std::array<InputForm, 6> kInputs = {{{"user_input", InputKind::UserInput, ""},
                                               {"constant_input", InputKind::UserInput, ""},
                                               {"parameter", InputKind::Parameter, "parameter_name"},
                                               {"buffer", InputKind::Buffer, "buffer_name"},
                                               {"tensor_constant", InputKind::Constant, "tensor_constant_name"},
                                               {"token", InputKind::Token, ""}}};
struct OutputForm {
  std::string_view tag;
  OutputKind kind;
  std::string_view target_key;
  bool is_argument = false;  // may be a constant; else it is a tensor's name
};
constexpr std::array<OutputForm, 6> kOutputs = {
    {{"user_output", OutputKind::UserOutput, "", true},
     {"loss_output", OutputKind::UserOutput, ""},
     {"buffer_mutation", OutputKind::BufferMutation, "buffer_name"},
     {"parameter_mutation", OutputKind::ParameterMutation, "parameter_name"},
     {"user_input_mutation", OutputKind::UserInputMutation, "user_input_name"},
     {"token", OutputKind::Token, ""}}};

template <typename Forms>
const typename Forms::value_type& pick(const Forms& forms, std::string_view tag, std::string_view what) {
  const auto found = std::ranges::find(forms, tag, &Forms::value_type::tag);
  if (found == forms.end()) fail(fmt::format("{} of kind \"{}\" cannot be exported", what, tag));
  return *found;
}

class Pt2Reader {
 public:
  Pt2Reader(const Pt2Archive& archive, const std::string& name, const SchemaLookup& lookup, Program& program)
      : archive_(archive),
        entry_(std::string(kModelFolder) + name + std::string(kModelSuffix)),
        weights_(open_weights(archive, "data/weights/", name + "_weights_config.json",
                              name + "_model_param_config.json", name + ".pt")),
        constants_(open_weights(archive, "data/constants/", name + "_constants_config.json",
                                name + "_model_constants_config.json", name + ".pt")),
        program_(program),
        builder_(program, lookup) {}

  void read() {
    const std::string_view text = archive_.text(entry_);
    with_context(entry_, [&] {
      const std::size_t invalid = find_invalid_utf8(text);
      if (invalid != std::string_view::npos) fail(fmt::format("byte {} is no UTF-8", invalid));
      read_program(json::Reader(text));
    });
    archive_.forget(entry_);
  }

 private:
  void read_program(json::Reader in);
  void read_ranges(json::Reader in);
  void read_module(const Members& members);
  void read_inputs(json::Reader in);
  void read_input(const InputForm& form, json::Reader& in);
  void read_defined(const InputForm& form, json::Reader& in, Input& input);
  void read_outputs(json::Reader in);
  void read_output(const OutputForm& form, json::Reader& in);
  void read_output_names(json::Reader module_calls, const FieldNames& fields);

  const Pt2Archive& archive_;
  std::string entry_;
  Pt2Weights weights_;
  Pt2Weights constants_;
  Program& program_;
  ProgramBuilder builder_;
  std::unique_ptr<Pt2Graph> graph_;  // the main one
};

void check_version(json::Reader in) {
  int64_t major = 0;
  int64_t minor = 0;
  in.object([&](std::string_view key) {
    if (key == "major") {
      major = in.integer();
    } else if (key == "minor") {
      minor = in.integer();
    } else {
      in.skip();
    }
  });
  if (major != kSchemaMajor) {
    fail(fmt::format("its schema version is {}.{}; this program reads {}.x; {}", major, minor, kSchemaMajor, kWayOut));
  }
}

// {"module.Type": {"field_names": ["a", "b"]}}
FieldNames read_field_names(json::Reader in) {
  FieldNames result;
  in.object([&](std::string_view type) {
    std::vector<std::string>& names = result[std::string(type)];
    in.object([&](std::string_view key) {
      if (key == "field_names") {
        in.array([&] { names.emplace_back(in.string()); });
      } else {
        in.skip();
      }
    });
  });
  return result;
}

void Pt2Reader::read_program(json::Reader in) {
  const Members members(in, kOpened);
  in.expect_end();
  check_version(members.at("schema_version"));
  if (const auto ranges = members.find("range_constraints")) read_ranges(*ranges);
  read_module(members.inside(kOpened[0]));
}

void Pt2Reader::read_ranges(json::Reader in) {
  in.object([&](std::string_view key) {
    const std::string symbol(key);
    Range range;
    in.object([&](std::string_view bound) {
      if (bound == "min_val" && !in.accept_null()) {
        range.min = in.integer();
      } else if (bound == "max_val" && !in.accept_null()) {
        range.max = in.integer();
      } else if (bound != "min_val" && bound != "max_val") {
        in.skip();
      }
    });
    program_.symbols.set_range(symbol, range);
  });
}

void Pt2Reader::read_module(const Members& members) {
  graph_ = std::make_unique<Pt2Graph>(builder_, program_.symbols, members.inside(kOpened[1]));
  json::Reader signature_text = members.at("signature");
  const Members signature(signature_text);
  read_inputs(signature.at("input_specs"));
  graph_->read_nodes();
  read_outputs(signature.at("output_specs"));
  FieldNames fields;
  if (const auto text = members.find("treespec_namedtuple_fields")) fields = read_field_names(*text);
  read_output_names(members.at("module_call_graph"), fields);
}

void Pt2Reader::read_inputs(json::Reader in) {
  in.array([&] { read_union(in, [&](std::string_view kind) { read_input(pick(kInputs, kind, "an input"), in); }); });
}

void Pt2Reader::read_input(const InputForm& form, json::Reader& in) {
  Input input;
  input.kind = form.kind;
  in.object([&](std::string_view key) {
    if (key == "arg") {
      read_defined(form, in, input);
    } else if (key == "value") {
      input.constant = graph_->definition(in);
    } else if (key == form.target_key) {
      input.target = in.string();
    } else if (key == "persistent") {
      input.persistent = in.boolean();
    } else {
      in.skip();
    }
  });
  const bool in_state = form.kind == InputKind::Parameter || (form.kind == InputKind::Buffer && input.persistent);
  const bool is_weight = in_state || form.kind == InputKind::Buffer || form.kind == InputKind::Constant;
  if (is_weight) input.weight = (in_state ? weights_ : constants_).at(input.target);
  builder_.add_input(std::move(input));
}

void Pt2Reader::read_defined(const InputForm& form, json::Reader& in, Input& input) {
  if (form.kind == InputKind::Token) {
    input.value = graph_->define_token(read_member(in, "name"));
  } else if (form.kind != InputKind::UserInput) {
    input.value = graph_->define(read_member(in, "name"));
  } else {
    Argument defined = graph_->definition(in);
    if (const auto* ref = defined.as<ValueRef>()) {
      input.value = ref->id;
    } else {
      input.constant = std::move(defined);
    }
  }
}

void Pt2Reader::read_outputs(json::Reader in) {
  in.array([&] { read_union(in, [&](std::string_view kind) { read_output(pick(kOutputs, kind, "an output"), in); }); });
}

void Pt2Reader::read_output(const OutputForm& form, json::Reader& in) {
  Output output;
  output.kind = form.kind;
  in.object([&](std::string_view key) {
    if (key == "arg") {
      output.value = form.is_argument ? graph_->argument(in) : graph_->use(read_member(in, "name"));
    } else if (key == form.target_key) {
      output.target = in.string();
    } else {
      in.skip();
    }
  });
  builder_.add_output(std::move(output));
}

// The structure of the outputs is the root's, which comes first.
void Pt2Reader::read_output_names(json::Reader module_calls, const FieldNames& fields) {
  std::string structure;
  module_calls.array([&] {
    const Members call(module_calls);
    if (!call.at("fqn").string().empty() || !structure.empty()) return;
    json::Reader signature = call.at("signature");
    if (!signature.accept_null()) structure = read_member(signature, "out_spec");
  });
  const auto count = std::ranges::count(program_.main().outputs, OutputKind::UserOutput, &Output::kind);
  if (structure.empty()) fail("the structure of the outputs is missing");
  program_.output_names = with_context("out_spec", [&] { return output_names(structure, fields); });
  if (program_.output_names.size() != static_cast<std::size_t>(count)) {
    fail(fmt::format("the structure of the outputs has {} items, but there are {} outputs",
                     program_.output_names.size(), count));
  }
}

}  // namespace

Program read_pt2(const std::string& path, const SchemaLookup& lookup) {
  return with_context(path, [&] {
    const Pt2Archive archive = Pt2Archive::open(path);
    check_kind(archive);
    check_byte_order(archive);
    Program program;
    Pt2Reader(archive, model_name(archive), lookup, program).read();
    lint(program);
    return program;
  });
}

}  // namespace modelexport::program
