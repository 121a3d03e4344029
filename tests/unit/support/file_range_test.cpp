#include "support/file_range.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <fstream>

#include "support/file_descriptor.h"
#include "support/temporary_folder.h"

namespace modelexport {
namespace {

constexpr std::size_t kPage = 4096;

// Four pages of a file, mapped privately and writable from the second on, as torch does.
class FileMappingsTest : public ::testing::Test {
 protected:
  FileMappingsTest() : path_(folder_ / "weights") {
    std::ofstream(path_) << std::string(5 * kPage, 'w');
    const FileDescriptor file(::open(path_.c_str(), O_RDONLY));
    memory_ =
        static_cast<std::byte*>(::mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), kPage));
  }
  ~FileMappingsTest() override { ::munmap(memory_, 4 * kPage); }

  TemporaryFolder folder_;
  std::string path_;
  std::byte* memory_ = nullptr;
};

TEST_F(FileMappingsTest, FindsWhereBytesLie) {
  const auto range = FileMappings().find(memory_ + 100, 2 * kPage);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->path, std::filesystem::canonical(path_).string());
  EXPECT_EQ(range->offset, kPage + 100);
  EXPECT_EQ(range->size, 2 * kPage);
}

TEST_F(FileMappingsTest, NothingForOtherMemoryOrBeyondTheMapping) {
  const std::string here(100, 'w');
  EXPECT_FALSE(FileMappings().find(reinterpret_cast<const std::byte*>(here.data()), 100));
  EXPECT_FALSE(FileMappings().find(memory_ + 100, 4 * kPage));
}

TEST_F(FileMappingsTest, NothingForPagesThatWereWrittenTo) {
  memory_[2 * kPage] = std::byte{'x'};
  const FileMappings mappings;
  EXPECT_FALSE(mappings.find(memory_ + kPage, 2 * kPage));
  EXPECT_TRUE(mappings.find(memory_, 2 * kPage));
}

TEST_F(FileMappingsTest, NothingForAFileThatWasReplaced) {
  std::filesystem::rename(path_, path_ + ".old");
  std::ofstream(path_) << std::string(5 * kPage, 'n');
  const auto range = FileMappings().find(memory_, kPage);
  EXPECT_TRUE(!range || range->path.ends_with(".old"));
}

TEST_F(FileMappingsTest, NothingForAFileThatIsGone) {
  std::filesystem::remove(path_);
  EXPECT_FALSE(FileMappings().find(memory_, kPage));
}

}  // namespace
}  // namespace modelexport
