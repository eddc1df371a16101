#include "setup/place.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"
#include "config/input_file.h"
#include "config/schema.h"

namespace postern::setup {

namespace {

/// More lines than any configuration has: beyond, a diff would take too much memory.
constexpr std::size_t most_lines = 4000;
constexpr std::size_t context = 3;

std::string why() { return std::generic_category().message(errno); }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return out;
}

/// Lengths of the longest common subsequences of the ends of two texts.
class Common {
 public:
  Common(const std::vector<std::string_view>& one, const std::vector<std::string_view>& two)
      : width_(two.size() + 1), lengths_((one.size() + 1) * width_) {
    for (std::size_t i = one.size(); i-- > 0;) {
      for (std::size_t j = two.size(); j-- > 0;) {
        lengths_[i * width_ + j] =
            one[i] == two[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  unsigned at(std::size_t i, std::size_t j) const { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<unsigned> lengths_;
};

}  // namespace

Result<There> compare(const std::string& file, const std::string& text, std::string* text_there) {
  struct stat about{};
  if (::lstat(file.c_str(), &about) != 0 && errno == ENOENT) return There::nothing;
  // A pipe would wait for a writer.
  if (::stat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    return fail(Fault::denied, file + " is not a regular file");
  }
  std::istringstream no_input;
  const Result<std::string> there = app::read_input(file, no_input);
  if (!there) return tl::unexpected(there.error());
  if (text_there != nullptr) *text_there = *there;
  if (*there == text) return There::same;
  return *there == app::example_config() ? There::example : There::other;
}

Result<void> put(const std::string& file, const std::string& text, bool over) {
  std::string draft = file + ".XXXXXX";
  const int descriptor = ::mkostemp(draft.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return fail(Fault::denied, fmt::format("cannot make a file beside {}: {}", file, why()));
  }
  bool done =
      write_all(descriptor, text) && ::fchmod(descriptor, 0644) == 0 && ::fsync(descriptor) == 0;
  std::string reason = done ? "" : why();
  if (::close(descriptor) != 0 && done) {
    done = false;
    reason = why();
  }
  bool exists = false;
  if (done) {
    done = ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, file.c_str(),
                       over ? 0 : RENAME_NOREPLACE) == 0;
    exists = !done && errno == EEXIST;
    if (!done) reason = why();
  }
  if (!done) {
    ::unlink(draft.c_str());
    return exists ? fail(Fault::conflict, file + " exists already")
                  : fail(Fault::permanent, fmt::format("cannot write {}: {}", file, reason));
  }
  const std::string directory = std::filesystem::path(file).parent_path().string();
  (void)flush_directory(directory.empty() ? "." : directory);
  return {};
}

std::string credentials_folder(const std::string& config) {
  return (std::filesystem::path(config).parent_path() / "credentials").string();
}

std::string users_file(const std::string& config) { return credentials_folder(config) + "/users"; }

std::string hidden_from_service(const std::string& file) {
  namespace fs = std::filesystem;
  std::error_code missing;
  const fs::path real = fs::canonical(file, missing);
  if (missing) return "";
  for (const fs::path& path : {fs::path(file), real}) {
    for (const std::string_view closed : {"/home", "/root", "/run/user"}) {  // ProtectHome=yes
      if (path.string().starts_with(std::string(closed) + "/")) {
        return fmt::format("{} is below {}, which is closed to the service", file, closed);
      }
    }
    for (fs::path above = path.parent_path(); above.has_relative_path();
         above = above.parent_path()) {
      const fs::perms mode = fs::status(above, missing).permissions();
      if (missing || (mode & fs::perms::others_exec) == fs::perms::none) {
        return fmt::format("other users may not enter {}", above.string());
      }
    }
  }
  const fs::perms mode = fs::status(real, missing).permissions();
  if (!missing && (mode & fs::perms::others_read) != fs::perms::none) return "";
  return fmt::format("other users may not read {}", file);
}

std::string difference(const std::string& before, const std::string& after) {
  const std::vector<std::string_view> old_lines = lines_of(before);
  const std::vector<std::string_view> new_lines = lines_of(after);
  if (old_lines.size() > most_lines || new_lines.size() > most_lines) {
    return "the files differ in too many lines to show\n";
  }
  const Common common(old_lines, new_lines);
  std::vector<std::pair<char, std::string_view>> merged;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < old_lines.size() || j < new_lines.size()) {
    if (i < old_lines.size() && j < new_lines.size() && old_lines[i] == new_lines[j]) {
      merged.emplace_back(' ', old_lines[i++]);
      ++j;
    } else if (j == new_lines.size() ||
               (i < old_lines.size() && common.at(i + 1, j) >= common.at(i, j + 1))) {
      merged.emplace_back('-', old_lines[i++]);
    } else {
      merged.emplace_back('+', new_lines[j++]);
    }
  }
  std::vector<bool> near(merged.size());
  for (std::size_t at = 0; at < merged.size(); ++at) {
    if (merged[at].first == ' ') continue;
    const std::size_t from = at < context ? 0 : at - context;
    for (std::size_t k = from; k < merged.size() && k <= at + context; ++k) near[k] = true;
  }
  std::string out;
  bool gap = false;
  for (std::size_t at = 0; at < merged.size(); ++at) {
    if (!near[at]) {
      gap = true;
      continue;
    }
    if (gap) out += "...\n";
    gap = false;
    out += fmt::format("{}{}\n", merged[at].first, merged[at].second);
  }
  return out;
}

}  // namespace postern::setup
