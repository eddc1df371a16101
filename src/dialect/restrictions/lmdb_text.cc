// The format has no specification. This is version 1 as liblmdb 0.9 writes it on machines with 64
// bits and little-endian numbers: pages of a B+ tree, and two meta pages, of which the one with the
// higher transaction number holds.
#include "dialect/restrictions/lmdb_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::uint32_t lmdb_magic = 0xBEEFC0DE;
constexpr std::uint32_t lmdb_version = 1;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr std::size_t page_header = 16;
constexpr std::size_t node_header = 8;
constexpr std::size_t deepest_page = 32;
enum PageFlag : std::uint16_t { branch_page = 0x01, leaf_page = 0x02, overflow_page = 0x04 };
enum NodeFlag : std::uint16_t { on_overflow_page = 0x01 };

/// A number at an offset; the caller has checked that it is there.
template <class Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number number = 0;
  for (std::size_t i = sizeof number; i-- > 0;) {
    number = static_cast<Number>(static_cast<std::uint64_t>(number) << 8 |
                                 static_cast<unsigned char>(bytes[offset + i]));
  }
  return number;
}

struct Meta {
  std::uint64_t page_size = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = no_page;
  std::uint64_t transaction = 0;
};

/// The meta page that begins at `offset`; nullopt: none does.
std::optional<Meta> meta_at(std::string_view file, std::size_t offset) {
  constexpr std::size_t size = 152;
  constexpr std::size_t free_pages = 24;  // the tree of free pages, which has the page size
  constexpr std::size_t rows = 72;        // the tree of rows
  if (offset > file.size() || file.size() - offset < size) return std::nullopt;
  const std::string_view page = file.substr(offset + page_header, size - page_header);
  if (number_at<std::uint32_t>(page, 0) != lmdb_magic ||
      number_at<std::uint32_t>(page, 4) != lmdb_version) {
    return std::nullopt;
  }
  return Meta{.page_size = number_at<std::uint32_t>(page, free_pages),
              .entries = number_at<std::uint64_t>(page, rows + 32),
              .root = number_at<std::uint64_t>(page, rows + 40),
              .transaction = number_at<std::uint64_t>(page, 128)};
}

/// The meta page that holds; nullopt: this is no LMDB file.
std::optional<Meta> meta_of(std::string_view file) {
  const auto first = meta_at(file, 0);
  if (!first) return std::nullopt;
  const bool fine = first->page_size >= 512 && first->page_size <= 65'536;
  if (!fine) return std::nullopt;
  const auto second = meta_at(file, first->page_size);
  if (!second || second->page_size != first->page_size) return std::nullopt;
  return second->transaction > first->transaction ? second : first;
}

std::string_view without_nul(std::string_view text) {
  if (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  return text;
}

class Reader {
 public:
  Reader(std::string_view file, const Meta& meta) : file_(file), meta_(meta) {}

  /// False: the tree is not whole.
  bool read() {
    if (meta_.root == no_page) return meta_.entries == 0;
    return read_page(meta_.root, 0) && entries_ == meta_.entries;
  }
  std::string take() { return std::move(text_); }

 private:
  /// The octets from the begin of a page to the end of the file; empty: there is no such page.
  std::string_view from_page(std::uint64_t number) const {
    if (number >= file_.size() / meta_.page_size) return {};
    return file_.substr(number * meta_.page_size);
  }

  bool read_page(std::uint64_t number, std::size_t depth) {
    const std::string_view page = from_page(number).substr(0, meta_.page_size);
    // Each page occurs once: no tree has more of them than the file.
    if (page.empty() || depth == deepest_page || ++pages_ > file_.size() / meta_.page_size)
      return false;
    const auto flags = number_at<std::uint16_t>(page, 10);
    const std::size_t end = number_at<std::uint16_t>(page, 12);
    if (end < page_header || end > page.size()) return false;
    for (std::size_t at = page_header; at + 2 <= end; at += 2) {
      const std::size_t offset = number_at<std::uint16_t>(page, at);
      if (offset > page.size() || page.size() - offset < node_header) return false;
      const std::string_view node = page.substr(offset);
      if ((flags & branch_page) != 0 ? !read_page(child_of(node), depth + 1)
                                     : (flags & leaf_page) == 0 || !read_row(node)) {
        return false;
      }
    }
    return true;
  }

  static std::uint64_t child_of(std::string_view node) {
    return number_at<std::uint32_t>(node, 0) |
           static_cast<std::uint64_t>(number_at<std::uint16_t>(node, 4)) << 32;
  }

  bool read_row(std::string_view node) {
    const std::size_t value_size = number_at<std::uint32_t>(node, 0);
    const auto flags = number_at<std::uint16_t>(node, 4);
    const std::size_t key_size = number_at<std::uint16_t>(node, 6);
    std::string_view rest = node.substr(node_header);
    if (key_size > rest.size()) return false;
    const std::string_view key = rest.substr(0, key_size);
    rest.remove_prefix(key_size);
    if ((flags & ~on_overflow_page) != 0) return false;  // a tree within the row
    if ((flags & on_overflow_page) != 0) {
      if (rest.size() < 8) return false;
      rest = from_page(number_at<std::uint64_t>(rest, 0));
      if (rest.size() < page_header || (number_at<std::uint16_t>(rest, 10) & overflow_page) == 0) {
        return false;
      }
      rest.remove_prefix(page_header);
    }
    if (value_size > rest.size()) return false;
    ++entries_;
    return add(without_nul(key), without_nul(rest.substr(0, value_size)));
  }

  bool add(std::string_view key, std::string_view octets) {
    // Nodes may point to the same pages; what is read stays below the size of the file.
    read_ += key.size() + octets.size();
    if (read_ > file_.size()) return false;
    std::string line(octets);
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::replace(line.begin(), line.end(), '\0', ' ');
    const std::string_view value = trim_blanks(line);
    if (key.empty() || value.empty() || key.front() == '#') return true;
    if (key.find('\n') != std::string_view::npos || key.find('\0') != std::string_view::npos) {
      return true;
    }
    // Rows do not overlap, so each has its octets and those of its node's header.
    if (key.size() + value.size() + 2 > file_.size() - text_.size()) return false;
    const std::size_t begin = text_.size();
    text_ += key;
    text_ += ' ';
    text_ += value;
    if (key_length(std::string_view(text_).substr(begin)) != key.size()) {
      text_.resize(begin);
    } else {
      text_ += '\n';
    }
    return true;
  }

  const std::string_view file_;
  const Meta meta_;
  std::uint64_t pages_ = 0;
  std::uint64_t entries_ = 0;
  std::size_t read_ = 0;
  std::string text_;
};

/// "root:x:0:0:root:/root:/bin/sh" is "root:". A text is recorded with traces.
std::string first_fields(std::string_view text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    out += line.substr(0, line.find(':'));
    out += ":\n";
  }
  return out;
}

}  // namespace

Result<std::string> text_of_lmdb(std::string_view file) {
  const auto meta = meta_of(file);
  if (!meta) return fail(Fault::malformed, "not an LMDB file of version 1");
  Reader reader(file, *meta);
  if (!reader.read()) {
    return fail(Fault::malformed,
                "the LMDB file is not whole: if a program writes it now, reload once it has ended; "
                "else make it anew with postmap");
  }
  return reader.take();
}

Result<std::string> source_text(std::string_view path, std::string octets) {
  if (path == "/etc/passwd" || path == "/etc/group") return first_fields(octets);
  if (!path.ends_with(".lmdb") || !meta_of(octets)) return octets;
  Result<std::string> text = text_of_lmdb(octets);
  if (!text) text.error().message = fmt::format("{}: {}", path, text.error().message);
  return text;
}

}  // namespace postern::dialect::restrictions
