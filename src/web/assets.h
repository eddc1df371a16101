// The files of the web UI, which are part of the binary: made and compressed when it was built
// (web/build.mjs).
#pragma once

#include <span>
#include <string_view>

namespace postern::web {

/// Everything lives as long as the process.
struct Asset {
  std::string_view name;  ///< below the root of the pages: "index.html", "assets/app-XYZ.js"
  std::string_view type;  ///< media type
  std::string_view etag;  ///< quoted, of the octets before compression (RFC 9110 §8.8.3)
  bool hashed = false;    ///< the name changes with the octets: may be kept for ever
  std::string_view octets;
  std::string_view gzip;    ///< RFC 1952; empty: not worth it
  std::string_view brotli;  ///< RFC 7932; empty: not worth it
};

/// In the order of names.
std::span<const Asset> assets();
/// nullptr: there is none of this name.
const Asset* find_asset(std::string_view name);

}  // namespace postern::web
