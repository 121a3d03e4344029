#include "cli/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <thread>

namespace modelexport::cli {
namespace {

using std::chrono::milliseconds;

TEST(Progress, ShowsTheStageOfLongWorkAndWipesItOut) {
  std::ostringstream out;
  {
    Progress progress(out, true, milliseconds(1));
    progress.stage("write");
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_NE(out.str().find("\r\033[Kwrite (0 s)"), std::string::npos) << out.str();
  EXPECT_TRUE(out.str().ends_with("\r\033[K"));
}

TEST(Progress, SaysNothingOfShortWorkOrWithoutATerminal) {
  std::ostringstream out;
  { const Progress progress(out, true, std::chrono::minutes(1)); }
  {
    const Progress progress(out, false, milliseconds(1));
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace modelexport::cli
