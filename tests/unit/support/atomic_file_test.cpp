#include "support/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AtomicFiles, AppearTogetherOnCommit) {
  const TemporaryFolder folder;
  write_text(folder / "a", "old");
  AtomicFiles files;
  files.open(folder / "b").write("second");
  files.open(folder / "a").write("first");
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_FALSE(std::filesystem::exists(folder / "b"));
  files.commit();
  EXPECT_EQ(read_text(folder / "a"), "first");
  EXPECT_EQ(read_text(folder / "b"), "second");
  EXPECT_THAT(folder.files(), ElementsAre("a", "b"));
}

TEST(AtomicFiles, LeaveNothingWithoutCommit) {
  const TemporaryFolder folder;
  write_text(folder / "a", "old");
  {
    AtomicFiles files;
    files.open(folder / "a").write("new");
    files.open(folder / "b").write("new");
  }
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_THAT(folder.files(), ElementsAre("a"));
}

TEST(AtomicFiles, PutBackWhatWasPlacedWhenALaterOneFails) {
  const TemporaryFolder folder;
  write_text(folder / "a", "old");
  AtomicFiles files;
  files.open(folder / "a").write("new");
  files.open(folder / "b").write("new");
  std::filesystem::create_directory(folder / "c");
  files.open(folder / "c/d").write("new");
  std::filesystem::remove_all(folder / "c");
  EXPECT_THAT(error_of([&] { files.commit(); }), HasSubstr("c/d: No such file or directory"));
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_THAT(folder.files(), ElementsAre("a"));
}

TEST(AtomicFiles, RemoveLeftoversOfDeadProcessesOnly) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  write_text(folder / (".a.tmp-" + std::to_string(child) + "-0"), "dead");
  write_text(folder / (".a.tmp-" + std::to_string(::getpid()) + "-999"), "alive");
  write_text(folder / ".a.tmp-notes", "a user's");
  AtomicFiles files;
  files.open(folder / "a");
  files.commit();
  EXPECT_THAT(folder.files(), ElementsAre(".a.tmp-" + std::to_string(::getpid()) + "-999", ".a.tmp-notes", "a"));
}

TEST(AtomicFiles, RefuseWhatIsNoFile) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "folder");
  const auto opening = [](const std::string& target) { return error_of([&] { AtomicFiles().open(target); }); };
  EXPECT_THAT(opening(folder / "folder"), HasSubstr("it is a folder"));
  EXPECT_THAT(opening("/dev/null"), HasSubstr("/dev/null: it is not a regular file"));
  EXPECT_THAT(opening(folder / "missing/a"), HasSubstr("missing: No such file or directory"));
  EXPECT_THAT(opening(folder / "folder/"), HasSubstr("it names no file"));
  EXPECT_THAT(opening(""), HasSubstr("it names no file"));
  write_text(folder / "file", "");
  EXPECT_THAT(opening(folder / "file/a"), HasSubstr("Not a directory"));
}

TEST(AtomicFiles, ReportAFileSizeLimitInsteadOfDying) {
  const TemporaryFolder folder;
  rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {1000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto reserving = error_of([&] { AtomicFiles().open(folder / "a").reserve(1001); });
  const auto writing = error_of([&] { AtomicFiles().open(folder / "a").write(std::string(1001, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(reserving, HasSubstr("File too large"));
  EXPECT_THAT(writing, HasSubstr("File too large"));
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST(AtomicFiles, ReportAFullDisk) {
  const TemporaryFolder folder;
  const auto message = error_of([&] { AtomicFiles().open(folder / "a").reserve(uint64_t{1} << 43); });
  EXPECT_THAT(message, HasSubstr("cannot write " + (folder / "a") + ": 8796093022208 bytes, where the disk has"));
  EXPECT_THAT(message, HasSubstr("No space left on device"));
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST(OutputFile, FillsGapsWithZerosAndCutsOffWhatWasReserved) {
  const TemporaryFolder folder;
  AtomicFiles files(true);
  auto& file = files.open(folder / "a");
  file.reserve(10000);
  file.write("ab");
  file.skip_to(4);
  file.write("cd");
  EXPECT_EQ(file.size(), 6U);
  file.skip_to(8);
  files.commit();
  EXPECT_EQ(read_text(folder / "a"), std::string("ab\0\0cd\0\0", 8));
}

TEST(OutputFile, CopiesPartsOfOtherFiles) {
  const TemporaryFolder folder;
  write_text(folder / "source", "0123456789");
  const FileDescriptor source(::open((folder / "source").c_str(), O_RDONLY));
  AtomicFiles files;
  OutputFile& file = files.open(folder / "a");
  file << "begin ";
  EXPECT_EQ(file.copy(source, 2, 5), 5);
  file << " end";
  EXPECT_EQ(file.size(), 15);
  files.commit();
  EXPECT_EQ(read_text(folder / "a"), "begin 23456 end");
}

TEST(OutputFile, SaysHowMuchOfAFileThatIsTooShortItCopied) {
  const TemporaryFolder folder;
  write_text(folder / "source", "0123456789");
  const FileDescriptor source(::open((folder / "source").c_str(), O_RDONLY));
  EXPECT_EQ(AtomicFiles().open(folder / "a").copy(source, 8, 5), 2);
}

TEST(OutputFile, MixesTextAndBytes) {
  const TemporaryFolder folder;
  AtomicFiles files;
  auto& file = files.open(folder / "a");
  std::string expected;
  for (int i = 0; i < 30000; ++i) {
    file << i << ' ';
    expected += std::to_string(i) + ' ';
    if (i % 7000 == 0) {
      file.write("bytes");
      expected += "bytes";
    }
  }
  EXPECT_EQ(file.size(), expected.size());
  files.commit();
  EXPECT_EQ(read_text(folder / "a"), expected);
}

TEST(OutputFile, ThrowsFromTheStreamToo) {
  const TemporaryFolder folder;
  rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {1000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto message = error_of([&] { AtomicFiles().open(folder / "a") << std::string(1001, 'x') << std::flush; });
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("File too large"));
}

}  // namespace
}  // namespace modelexport
