#include "dialect/vsl/app_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.h"
#include "base/file_io.h"
#include "base/text.h"

namespace postern::dialect::vsl {

namespace {

constexpr int most_of_one_name = 1000;

tl::unexpected<Error> cannot_write(const std::string& path) {
  return fail(Fault::temporary,
              "cannot write " + path + ": " + std::generic_category().message(errno));
}

/// Whether a part of a path stays inside its folder.
bool is_plain(std::string_view part) {
  return part != ".." && part.find('\0') == std::string_view::npos;
}

Result<Descriptor> open_folder(const std::string& root, std::string_view folder) {
  if (folder.starts_with('/')) {
    return fail(Fault::denied, "`" + printable(folder, 100) + "` is not below the app directory");
  }
  Descriptor here(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!here.is_open()) return cannot_write(root);
  for (const std::string_view part : split(folder, '/')) {
    if (part.empty() || part == ".") continue;
    if (!is_plain(part)) {
      return fail(Fault::denied, "`" + printable(folder, 100) + "` is not below the app directory");
    }
    const std::string name(part);
    if (::mkdirat(here.get(), name.c_str(), 0750) != 0 && errno != EEXIST) {
      return cannot_write(root + "/" + printable(folder, 100));
    }
    Descriptor inner(
        ::openat(here.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner.is_open()) return cannot_write(root + "/" + printable(folder, 100));
    here = std::move(inner);
  }
  return here;
}

}  // namespace

Result<std::string> write_new_file(const std::string& root, std::string_view folder,
                                   std::string_view name, std::string_view extension,
                                   std::string_view text) {
  const Result<Descriptor> here = open_folder(root, folder);
  if (!here) return tl::unexpected(here.error());
  for (int i = 1; i <= most_of_one_name; ++i) {
    std::string file(name);
    if (i > 1) file += "-" + std::to_string(i);
    file += extension;
    const std::string path = root + "/" + std::string(folder) + "/" + file;
    const Descriptor handle(::openat(here->get(), file.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!handle.is_open() && errno == EEXIST) continue;
    if (!handle.is_open()) return cannot_write(path);
    if (!write_all(handle.get(), text)) {
      const auto failed = cannot_write(path);
      // Half a message is worse than none.
      ::unlinkat(here->get(), file.c_str(), 0);
      return failed;
    }
    return path;
  }
  return fail(Fault::limit, "too many files of the name " + printable(name, 100));
}

}  // namespace postern::dialect::vsl
