#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "script/state.h"

namespace postern::script {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t largest_file = 16u << 20;
constexpr std::uintmax_t largest_kept = 64u << 10;

bool is_below(const fs::path& file, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end();
}

/// The real paths of those that are there.
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

bool Files::is_closed(std::string_view path) const {
  std::error_code error;
  const fs::path real = fs::canonical(fs::path(directory) / path, error);
  if (error) return false;
  std::vector<std::string> names = roots;
  names.push_back(directory);
  const std::vector<fs::path> folders = real_folders(names);
  return std::ranges::any_of(real_folders(closed), [&](const fs::path& own) {
    return is_below(real, own) && std::ranges::none_of(folders, [&](const fs::path& folder) {
             return folder != own && is_below(folder, own) && is_below(real, folder);
           });
  });
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
  const std::vector<fs::path> closed_folders = real_folders(closed);
  for (const fs::path& root : real_folders(folders)) {
    const bool is_within = std::ranges::any_of(closed_folders, [&](const fs::path& own) {
      return is_below(real, own) && !is_below(root, own);
    });
    if (is_below(real, root) && !is_within) return real.string();
  }
  return fail(Fault::denied, name + " is outside the folders that scripts may read (lua.read)");
}

Result<std::string> Files::read_secret(std::string_view path) const {
  const Result<std::string> real = find(path);
  if (!real) return real;
  if (given) return given->at(*real);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(*real, error);
  if (error || size > largest_file) {
    return fail(Fault::permanent, "cannot read " + std::string(path) + ": " +
                                      (error ? error.message() : "more than 16 MiB"));
  }
  std::string text(size, '\0');
  std::ifstream file(*real, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(size));
  if (!file) return fail(Fault::temporary, "cannot read " + std::string(path));
  return text;
}

Result<std::string> Files::read(std::string_view path) const {
  Result<std::string> text = read_secret(path);
  if (text && seen) seen->keep(path, *text);
  return text;
}

void Files::Seen::keep(std::string_view path, const std::string& text) {
  if (text.size() > largest_kept) return;
  const std::lock_guard lock(mutex_);
  if (texts_) texts_->insert_or_assign(std::string(path), text);
}

Files::Texts Files::Seen::end() {
  const std::lock_guard lock(mutex_);
  return std::exchange(texts_, std::nullopt).value_or(Texts{});
}

}  // namespace postern::script
