#include "base/version.h"

#include <link.h>

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"

namespace postern {

namespace {

constexpr Component components[] = {
#include "components.inc"
};

}  // namespace

Version current_version() {
  return {POSTERN_VERSION, POSTERN_REVISION, "clang " __clang_version__};
}

std::string_view build_suite() { return POSTERN_SUITE; }

std::span<const Component> compiled_in() { return components; }

std::string compiled_in_digest() {
  std::string lines;
  for (const Component& part : components) {
    for (const std::string_view word : {part.name, part.version}) lines.append(word).append(" ");
    lines.append(part.origin).append("\n");
  }
  return hex_encode(sha256(lines));
}

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
