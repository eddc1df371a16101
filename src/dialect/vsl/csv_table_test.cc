#include "dialect/vsl/csv_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::dialect::vsl {
namespace {

namespace fs = std::filesystem;
using Refresh = CsvTable::Refresh;
using ::testing::HasSubstr;

std::vector<CsvFields> rows_of(std::string_view text, char delimiter = ',') {
  std::vector<CsvFields> rows;
  std::size_t at = 0;
  while (auto row = next_csv_row(text, at, delimiter)) rows.push_back(std::move(row->fields));
  return rows;
}

TEST(Csv, reads_rows) {
  struct {
    std::string text;
    char delimiter;
    std::vector<CsvFields> rows;
  } const cases[] = {
      {"", ',', {}},
      {"\n \r\n\t\n", ',', {}},
      {"a,b\nc,d", ',', {{"a", "b"}, {"c", "d"}}},
      {"a,b\r\nc,d\r\n", ',', {{"a", "b"}, {"c", "d"}}},
      {"\n\na\n\nb\n", ',', {{"a"}, {"b"}}},
      {" a , b c ,d \n", ',', {{"a", "b c", "d"}}},
      {"a,,\n,b\n", ',', {{"a", "", ""}, {"", "b"}}},
      {"a,", ',', {{"a", ""}}},
      {"\"a,b\",\"c\"\"d\"\n", ',', {{"a,b", "c\"d"}}},
      {"\"two\r\nlines\",\" x \"\r\nb\r\n", ',', {{"two\r\nlines", " x "}, {"b"}}},
      {"\"\"\n", ',', {{""}}},
      {"a\"b,c\n", ',', {{"a\"b", "c"}}},
      {"\"a\"b,c\n", ',', {{"ab", "c"}}},
      {"a;b,c\n", ';', {{"a", "b,c"}}},
      {"a\tb\n\t\n", '\t', {{"a", "b"}, {"", ""}}},
      {"\xff,\xc3\xbc\n", ',', {{"\xff", "\xc3\xbc"}}},
  };
  for (const auto& c : cases) EXPECT_EQ(rows_of(c.text, c.delimiter), c.rows) << c.text;
  try {
    rows_of("a,b\nc,\"d\ne\n");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "line 2: a quote is not closed");
  }
}

TEST(Csv, what_is_written_is_read_again) {
  for (const char delimiter : {',', ';', '\t', '|', ' '}) {
    for (const CsvFields& fields :
         {CsvFields{"a", "b"}, CsvFields{""}, CsvFields{"", ""}, CsvFields{" a", "b\t"},
          CsvFields{"a,b;c\td|e f"}, CsvFields{"\"", "\"\"", "a\"b"},
          CsvFields{"x\r\ny", "\n", "\r"}, CsvFields{std::string("\0\x01", 2), "\xff"}}) {
      const std::string line = csv_line(fields, delimiter);
      EXPECT_EQ(rows_of(line + line, delimiter), (std::vector<CsvFields>{fields, fields})) << line;
    }
  }
}

struct CsvTableTest : ::testing::Test {
  void write(const std::string& text) const { folder.write("people.csv", text); }
  std::string text() const { return tests::read_file(path); }

  tests::TemporaryFolder folder;
  const std::string path = folder.write("people.csv", "john,doe,jd@example.com\njo,short,x\n");
};

TEST_F(CsvTableTest, finds_the_first_row_of_exactly_that_key) {
  CsvTable table(path, ',');
  EXPECT_EQ(table.get("john", Refresh::always), (CsvFields{"john", "doe", "jd@example.com"}));
  EXPECT_EQ(table.get("jo", Refresh::always), (CsvFields{"jo", "short", "x"}));
  for (const char* none : {"j", "johnn", "JOHN", "doe", "john,doe", ""}) {
    EXPECT_EQ(table.get(none, Refresh::always), CsvFields{}) << none;
  }
}

TEST_F(CsvTableTest, keys_with_delimiters_and_quotes_are_keys) {
  CsvTable table(path, ',');
  const CsvFields odd{"a,\"b\"\r\nc", "x"};
  table.set(odd);
  EXPECT_EQ(table.get(odd.front(), Refresh::always), odd);
  EXPECT_EQ(rows_of(text()).size(), 3u);
  table.remove(odd.front());
  EXPECT_EQ(text(), "john,doe,jd@example.com\njo,short,x\n");
}

TEST_F(CsvTableTest, removes_no_row_that_only_begins_with_the_key) {
  write("# head\n\n jo ,1\r\njohn,2\r\n\"jo\",3\n\njoe,4");
  CsvTable table(path, ',');
  table.remove("jo");
  EXPECT_EQ(text(), "# head\n\njohn,2\r\n\njoe,4") << "others stay as they stand";
  EXPECT_EQ(table.get("jo", Refresh::always), CsvFields{});
  EXPECT_EQ(table.get("john", Refresh::always), (CsvFields{"john", "2"}));
  struct stat before{};
  stat(path.c_str(), &before);
  table.remove("nobody");
  struct stat after{};
  stat(path.c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino) << "nothing to write";
}

TEST_F(CsvTableTest, a_row_never_joins_a_line_without_end) {
  write("john,doe");
  CsvTable table(path, ',');
  table.set({"ann", "x"});
  EXPECT_EQ(text(), "john,doe\nann,x\n");
  write("");
  table.set({"ann", "x"});
  EXPECT_EQ(text(), "ann,x\n");
}

/// Limits the size of every file that this process writes, like a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t octets) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{octets, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*const signal_)(int);
};

TEST_F(CsvTableTest, a_row_that_does_not_fit_leaves_no_part_of_itself) {
  CsvTable table(path, ',');
  const std::string before = text();
  for (const std::size_t room : {0u, 1u, 4u, 6u}) {
    const FullDisk full(text().size() + room);
    EXPECT_THROW(table.set({"ann", "\"", "x"}), std::runtime_error) << room;
    EXPECT_EQ(rows_of(text()).size(), 2u) << room;
  }
  EXPECT_EQ(text(), before + std::string(11, '\n')) << "blank lines are no rows";
  table.set({"ann", "x"});
  EXPECT_EQ(table.get("ann", Refresh::always), (CsvFields{"ann", "x"}));
}

TEST_F(CsvTableTest, a_failed_write_takes_no_row_of_another_program) {
  constexpr int rows = 3'000;
  CsvTable table(path, ',');
  const pid_t other = fork();
  if (other == 0) {  // another program, which has room; only system calls
    const int fd = open(path.c_str(), O_WRONLY | O_APPEND);
    bool all = fd >= 0;
    for (int i = 0; i < rows; ++i) {
      all = ::write(fd, "other,row\n", 10) == 10 && all;
      usleep(10);
    }
    _exit(all ? 0 : 1);
  }
  ASSERT_GT(other, 0);
  int status = 0;
  int refused = 0;
  {
    const FullDisk full(text().size());
    while (waitpid(other, &status, WNOHANG) == 0) {
      EXPECT_THROW(table.set({"ann", "x"}), std::runtime_error);
      ++refused;
    }
  }
  EXPECT_EQ(status, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(rows_of(text()).size(), 2u + rows);
}

TEST_F(CsvTableTest, a_changed_file_is_read_again_when_asked_to) {
  CsvTable table(path, ',');
  EXPECT_FALSE(table.get("john", Refresh::once).empty());
  write("ann,x\n");
  EXPECT_FALSE(table.get("john", Refresh::once).empty());
  EXPECT_TRUE(table.get("john", Refresh::always).empty());
  EXPECT_FALSE(table.get("ann", Refresh::always).empty());
}

TEST_F(CsvTableTest, the_file_keeps_its_rights) {
  fs::permissions(path, fs::perms(0640));
  CsvTable table(path, ',');
  table.remove("jo");
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1)
      << "nothing is left beside it";
}

TEST_F(CsvTableTest, trouble_names_the_file) {
  CsvTable table(path, ',');
  table.get("john", Refresh::always);
  write("a,\"b\n");
  EXPECT_THAT(
      [&] { table.get("a", Refresh::always); },
      ::testing::ThrowsMessage<std::runtime_error>(path + ": line 1: a quote is not closed"));
  fs::remove(path);
  EXPECT_THAT([&] { table.get("a", Refresh::always); },
              ::testing::ThrowsMessage<std::runtime_error>(HasSubstr("No such file")));
  EXPECT_THAT([&] { table.set({"a"}); },
              ::testing::ThrowsMessage<std::runtime_error>(HasSubstr("No such file")));
  EXPECT_FALSE(fs::exists(path)) << "it is not made anew: who took it away knows why";
}

TEST_F(CsvTableTest, is_one_for_all_who_name_the_file) {
  const auto table = CsvTable::of(path, ',');
  EXPECT_EQ(CsvTable::of(path, ','), table);
  EXPECT_NE(CsvTable::of(path, ';'), table);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto mine = CsvTable::of(path, ',');
      for (int n = 0; n < 50; ++n) {
        const std::string key = std::to_string(i) + "-" + std::to_string(n);
        mine->set({key, "x"});
        EXPECT_EQ(mine->get(key, Refresh::always), (CsvFields{key, "x"}));
        if (n % 5 == 0) mine->remove(key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rows_of(text()).size(), 2 + 4 * 40u);
}

}  // namespace
}  // namespace postern::dialect::vsl
