// The files of the web UI, built and compressed at build time (web/build.mjs) and linked into the
// binary.
#pragma once

#include <span>
#include <string_view>

namespace postern::web {

/// One file. All views are valid until the process ends.
struct Asset {
  std::string_view name;    ///< path below the root: "index.html", "assets/app-XYZ.js"
  std::string_view type;    ///< media type
  std::string_view etag;    ///< quoted, of the uncompressed octets (RFC 9110 §8.8.3)
  bool hashed = false;      ///< the name contains a content hash: cacheable forever
  std::string_view octets;  ///< uncompressed
  std::string_view gzip;    ///< gzip (RFC 1952 §2.2); empty: not compressed
  std::string_view brotli;  ///< Brotli (RFC 7932 §9); empty: not compressed
};

/// All files, sorted by name. Thread-safe.
std::span<const Asset> assets();
/// The file of this name, or nullptr. Thread-safe.
const Asset* find_asset(std::string_view name);

}  // namespace postern::web
