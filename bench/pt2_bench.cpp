// How fast the program of a .pt2 file is read.
//
//   pt2_bench file.pt2
//
// Prints medians of the CPU time of several rounds: the program, its JSON as a stream, and its JSON into values by the
// library.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "pipeline.h"
#include "program/pt2_archive.h"
#include "program/pt2_reader.h"
#include "support/json.h"
#include "support/json_reader.h"

namespace modelexport {
namespace {

constexpr int kRounds = 7;
constexpr const char* kModel = "models/model.json";

double median_seconds(const std::function<void()>& work) {
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) {
    const std::clock_t start = std::clock();
    work();
    rounds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[rounds.size() / 2];
}

void visit(json::Reader& in) {
  switch (in.peek()) {
    case '{':
      in.object([&](std::string_view /*key*/) { visit(in); });
      break;
    case '[':
      in.array([&] { visit(in); });
      break;
    case '"':
      (void)in.string();
      break;
    case '-':
      (void)in.number();
      break;
    default:
      in.skip();
  }
}

void run(const std::string& path) {
  const program::Pt2Archive archive = program::Pt2Archive::open(path);
  const std::string_view text = archive.text(kModel);
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  std::size_t calls = 0;
  const auto show = [&](const char* what, double seconds) {
    std::printf("%-24s %8.1f ms %8.0f MB/s\n", what, seconds * 1e3, megabytes / seconds);
  };
  std::printf("%s: %s of %.1f MB\n", path.c_str(), kModel, megabytes);
  show("program", median_seconds([&] { calls = program::read_pt2(path, find_schema).main().nodes.size(); }));
  show("JSON as a stream", median_seconds([&] {
         json::Reader in(text);
         visit(in);
       }));
  show("JSON into values", median_seconds([&] { (void)json::parse(text); }));
  std::printf("%zu calls\n", calls);
}

}  // namespace
}  // namespace modelexport

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: pt2_bench file.pt2\n");
    return 2;
  }
  try {
    modelexport::run(arguments[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
