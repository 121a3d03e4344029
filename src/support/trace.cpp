#include "support/trace.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/atomic_file.h"
#include "support/json.h"

namespace modelexport {

std::string trace_path(const std::string& model_path) {
  const std::filesystem::path path(model_path);
  return (path.parent_path() / (path.stem().string() + "_trace.json")).string();
}

void write_trace(const std::string& path, const StageTime& whole, std::vector<StageTime> stages) {
  constexpr double kMicroseconds = 1e6;
  stages.push_back(whole);
  // What contains another stage comes before it.
  std::stable_sort(stages.begin(), stages.end(), [](const StageTime& a, const StageTime& b) {
    return a.start != b.start ? a.start < b.start : a.seconds > b.seconds;
  });
  AtomicFiles files;
  json::Writer out(files.open(path));
  out.begin_object().key("traceEvents").begin_array();
  for (const StageTime& stage : stages) {
    out.begin_object(json::Layout::Line).member("name", stage.name).member("cat", "export").member("ph", "X");
    out.member("ts", (stage.start - whole.start) * kMicroseconds).member("dur", stage.seconds * kMicroseconds);
    out.member("pid", ::getpid()).member("tid", ::getpid()).end_object();
  }
  out.end_array().member("displayTimeUnit", "ms").end_object();
  files.commit();
}

}  // namespace modelexport
