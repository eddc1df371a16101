#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/sha256.h"
#include "base/text.h"
#include "script/state.h"

namespace postern::script {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t largest_file = 16u << 20;
constexpr std::uint64_t largest_kept = 64u << 10;

bool is_below(const fs::path& file, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end();
}

/// The real paths of those directories that exist.
std::vector<fs::path> real_folders(const std::vector<std::string>& names) {
  std::vector<fs::path> folders;
  for (const std::string& name : names) {
    std::error_code error;
    fs::path real = fs::canonical(name, error);
    if (!error) folders.push_back(std::move(real));
  }
  return folders;
}

}  // namespace

Result<HostFile> Files::open(std::string_view path, std::uint64_t largest) const {
  FileRules rules{.closed = closed, .open = roots, .largest = largest};
  rules.open.push_back(directory);
  return HostFile::open((fs::path(directory) / path).string(), rules);
}

Result<std::string> Files::find(std::string_view path) const {
  if (given) {
    if (given->contains(std::string(path))) return std::string(path);
    return fail(Fault::not_found, std::string(path) + " is not in the record");
  }
  const std::string name(path);
  if (name.find('\0') != std::string::npos) {
    return fail(Fault::not_found, "cannot read " + printable(name, 200) + ": a NUL is in its name");
  }
  std::error_code error;
  const fs::path real = fs::canonical(fs::path(directory) / path, error);
  if (error) return fail(Fault::not_found, "cannot read " + name + ": " + error.message());
  std::vector<std::string> folders = roots;
  folders.push_back(directory);
  const std::vector<fs::path> readable = real_folders(folders);
  if (std::ranges::none_of(readable, [&](const fs::path& root) { return is_below(real, root); })) {
    return fail(Fault::denied, name + " is outside the folders that scripts may read (lua.read)");
  }
  const auto file = open(real.string(), std::numeric_limits<std::uint64_t>::max());
  if (!file) return tl::unexpected(file.error());
  return file->real_path();
}

Result<std::string> Files::read_secret(std::string_view path) const {
  const Result<std::string> real = find(path);
  if (!real) return real;
  if (given) return given->at(*real);
  const Result<HostFile> file = open(*real, largest_file);
  if (!file && file.error().fault == Fault::limit) {
    return fail(Fault::permanent, "cannot read " + std::string(path) + ": more than 16 MiB");
  }
  if (!file) return tl::unexpected(file.error());
  return file->read();
}

Result<std::string> Files::read(std::string_view path) const {
  Result<std::string> text = read_secret(path);
  if (text && seen) seen->keep(path, *text);
  return text;
}

void Files::Seen::keep(std::string_view path, const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (!kept_) return;
  if (text.size() > largest_kept) {
    kept_->digests.insert_or_assign(std::string(path), hex_encode(sha256(text)));
  } else {
    kept_->texts.insert_or_assign(std::string(path), text);
  }
}

Files::Seen::Kept Files::Seen::end() {
  const std::lock_guard lock(mutex_);
  return std::exchange(kept_, std::nullopt).value_or(Kept{});
}

}  // namespace postern::script
