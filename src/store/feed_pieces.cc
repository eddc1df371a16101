#include "store/feed_pieces.h"

#include <algorithm>

#include <zstd.h>

#include "base/sha256.h"

namespace postern::store {
namespace {

constexpr std::uint64_t largest_piece = std::uint64_t{64} << 20;
constexpr int level = 1;

// A shared number: milliseconds since 1970, twelve bits that count, eight of the gateway's name.
constexpr int bits_of_node = 8;
constexpr int bits_of_count = 12;

void add_length(std::string& text, std::size_t length) {
  for (int shift = 0; shift < 32; shift += 8) {
    text += static_cast<char>((length >> static_cast<unsigned>(shift)) & 0xff);
  }
}

std::optional<std::string_view> take_item(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t at = 4; at-- > 0;) {
    length = (length << 8u) | static_cast<unsigned char>(rest[at]);
  }
  rest.remove_prefix(4);
  if (rest.size() < length) return std::nullopt;
  const std::string_view item = rest.substr(0, length);
  rest.remove_prefix(length);
  return item;
}

}  // namespace

std::string pack_items(const Seal& seal, const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    add_length(text, item.size());
    text += item;
  }
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), level);
  if (ZSTD_isError(size) != 0) return {};
  packed.resize(size);
  return seal.close(packed);
}

std::optional<std::vector<std::string>> unpack_items(const Seal& seal, std::string_view piece) {
  const std::optional<std::string> packed = seal.open(piece);
  if (!packed) return std::nullopt;
  const unsigned long long size = ZSTD_getFrameContentSize(packed->data(), packed->size());
  if (size > largest_piece) return std::nullopt;  // also where it is unknown
  std::string text(size, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), packed->data(), packed->size());
  if (got != size) return std::nullopt;
  std::vector<std::string> items;
  for (std::string_view rest = text; !rest.empty();) {
    const auto item = take_item(rest);
    if (!item) return std::nullopt;
    items.emplace_back(*item);
  }
  return items;
}

SharedNumbers::SharedNumbers(std::string_view node)
    : own_(static_cast<unsigned char>(sha256(node).front())) {}

std::int64_t SharedNumbers::next() {
  last_ = std::max(last_ + 1, to_millis(now()) << bits_of_count);
  return (last_ << bits_of_node) | own_;
}

void note_position(Database& database, std::string_view node, std::int64_t number) {
  static_cast<void>(
      database.execute("INSERT INTO feed_position (node, n) VALUES (?1, ?2)"
                       " ON CONFLICT (node) DO UPDATE SET n = excluded.n",
                       node, number));
}

std::map<std::string, std::int64_t> positions(Database& database) {
  std::map<std::string, std::int64_t> found;
  static_cast<void>(database.each("SELECT node, n FROM feed_position",
                                  [&](const Row& row) { found[row.text(0)] = row.integer(1); }));
  return found;
}

}  // namespace postern::store
