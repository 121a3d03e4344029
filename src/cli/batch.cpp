// modelexport batch: many exports, each in a process of its own. The host runs them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

#include "cli/command.h"
#include "support/error.h"
#include "support/json.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string jobs;
  std::string folder;
  std::string ray_address;
  int64_t processes = 0;  // 0: not given, here and below
  int64_t memory_mb = 0;
  double timeout_s = 0;
  bool on_ray = false;
  bool fresh = false;
  bool json = false;
};

std::string request_of(const Options& options) {
  std::ostringstream text;
  json::Writer out(text);
  out.begin_object().member("jobs", options.jobs).member("folder", options.folder);
  out.member("processes", options.processes).member("memory_mb", options.memory_mb);
  out.member("timeout_s", options.timeout_s).member("resume", !options.fresh);
  out.member("on_ray", options.on_ray).member("ray_address", options.ray_address).end_object();
  return text.str();
}

int64_t print_failures(Console& console, const json::Value& report) {
  int64_t failed = 0;
  for (const json::Value& job : report.at("jobs").array()) {
    if (job.at("status").string() != "failed") continue;
    ++failed;
    console.out << fmt::format("failed: {}: {}\n", job.at("name").string(), job.at("error").string());
  }
  return failed;
}

int run_batch(Console& console, const Options& options) {
  if (!console.host) {
    fail("models are exported by Python; use the `modelexport` that the Python package installs");
  }
  const std::string answer = console.host("batch", request_of(options));
  const json::Value result = json::parse(answer);
  const json::Value& report = result.at("report");
  if (options.json) {
    json::Writer(console.out).value(report);
    return report.at("summary").at("failed").integer() == 0 ? kOk : kFindings;
  }
  const int64_t failed = print_failures(console, report);
  const json::Value& summary = report.at("summary");
  console.out << fmt::format("{} jobs: {} done, {} kept, {} failed; {}\n", summary.at("jobs").integer(),
                             summary.at("done").integer(), summary.at("kept").integer(), failed,
                             result.at("page").string());
  return failed == 0 ? kOk : kFindings;
}

}  // namespace

void add_batch(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("batch", "Export many models, each in a process of its own");
  command->add_option("jobs", options->jobs, "JSON file of the jobs")->required()->option_text("JOBS");
  command->add_option("-j,--processes", options->processes, "Exports at a time; the number of cores unless given")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->option_text("N");
  command->add_option("--memory-mb", options->memory_mb, "What the processes may hold together")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->option_text("MB");
  command->add_option("--timeout", options->timeout_s, "Seconds that a job may take")
      ->check(CLI::Range(0.001, 1e9))
      ->option_text("SECONDS");
  command->add_option("--folder", options->folder, "For report, logs and journal; JOBS_batch unless given")
      ->option_text("FOLDER");
  command->add_flag("--fresh", options->fresh, "Export again what an earlier run has finished");
  CLI::Option* ray = command->add_option("--ray", options->ray_address, "Run on a Ray cluster, or on one started here")
                         ->expected(0, 1)
                         ->option_text("[ADDRESS]");
  command->add_flag("--json", options->json, "Print the report as JSON");
  command->footer(
      "Examples:\n  modelexport batch jobs.json -j 4 --memory-mb 16000\n"
      "  modelexport batch jobs.json --ray head:6379");
  command->callback([options, ray, &action] {
    options->on_ray = ray->count() > 0;
    action = [options](Console& console) { return run_batch(console, *options); };
  });
}

}  // namespace modelexport::cli
