#include "base/version.h"

#include <link.h>

#include <algorithm>

namespace postern {

namespace {

constexpr Component components[] = {
#include "components.inc"
};

}  // namespace

Version current_version() {
  return {POSTERN_VERSION, POSTERN_REVISION, "clang " __clang_version__};
}

std::span<const Component> compiled_in() { return components; }

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        const std::string_view path = info->dlpi_name;
        const std::size_t slash = path.rfind('/');  // the program and the vDSO have no path
        if (slash != std::string_view::npos) {
          static_cast<std::vector<std::string>*>(found)->emplace_back(path.substr(slash + 1));
        }
        return 0;
      },
      &files);
  std::ranges::sort(files);
  return files;
}

}  // namespace postern
