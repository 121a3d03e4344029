#include "onnx/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace modelexport::onnx {
namespace {

using ::testing::ElementsAre;

TEST(Metadata, GivesBackWhatWasAddedInItsOrder) {
  using namespace std::string_view_literals;
  const std::string longer(100'000, 'x');
  Metadata metadata{{"key", "value"}};
  metadata.add("", "");
  metadata.add("key", "another");
  metadata.add("zero\0inside"sv, longer);
  EXPECT_THAT(metadata, ElementsAre(Metadata::Entry("key", "value"), Metadata::Entry("", ""),
                                    Metadata::Entry("key", "another"), Metadata::Entry("zero\0inside"sv, longer)));
  EXPECT_EQ(metadata.find("key"), "value");
  EXPECT_EQ(metadata.find(""), "");
  EXPECT_EQ(metadata.find("zero"), std::nullopt);
  metadata.clear();
  EXPECT_TRUE(metadata.empty());
}

// The text of two entries may be the same where the entries are not.
TEST(Metadata, TellsEntriesApart) {
  EXPECT_NE((Metadata{{"ab", "c"}}), (Metadata{{"a", "bc"}}));
  EXPECT_EQ((Metadata{{"ab", "c"}}), (Metadata{{"ab", "c"}}));
}

}  // namespace
}  // namespace modelexport::onnx
