// Archives of backups and their manifests: names stay below the directory, sizes are those that are
// read, and a manifest reads back.
#include "backup/archive.h"
#include "backup/manifest.h"
#include "base/text.h"
#include "invariant.h"

namespace {

using namespace postern;
using fuzz::must;

constexpr std::uint64_t enough = 1 << 20;  ///< octets that one input may expand to

void read_archive(std::string_view octets) {
  bool given = false;
  auto reader = backup::ArchiveReader::open([&]() -> Result<std::string_view> {
    return std::exchange(given, true) ? std::string_view() : octets;
  });
  if (!reader) return;
  std::uint64_t all = 0;
  for (int files = 0; files < 1000; ++files) {
    const auto entry = (*reader)->next();
    if (!entry || !*entry) return;
    must(backup::is_safe_name((*entry)->name), "a name is safe");
    for (const std::string_view part : split((*entry)->name, '/')) {
      must(part != ".." && !part.empty(), "a name stays below the directory");
    }
    while (all < enough) {
      const auto piece = (*reader)->read();
      if (!piece) return;
      if (piece->empty()) break;
      all += piece->size();
    }
  }
}

}  // namespace

/// The input is an archive, and a manifest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_archive(text);
  const auto manifest = backup::parse_manifest(text);
  if (!manifest) return 0;
  const std::string written = backup::manifest_text(*manifest);
  const auto again = backup::parse_manifest(written);
  must(again && backup::manifest_text(*again) == written, "a manifest reads back");
  return 0;
}
