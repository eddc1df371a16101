// The header section of a message: found in a stream of bytes, split into fields, read through
// views. Lines end in CRLF; any other CR or LF is an octet like the others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailauth {

struct HeaderLimits {
  std::size_t octets = 1 << 20;
  std::size_t fields = 1000;
};

/// One header field; views into the section's text.
struct FieldView {
  std::string_view name;  ///< as written, without white space before the colon
  std::string_view body;  ///< after the colon, folds included, without the last CRLF
  std::string_view raw;   ///< from the name's first octet to before the last CRLF
  bool space_before_colon = false;

  bool is(std::string_view other_name) const;  ///< ASCII case ignored
};

/// A header section's fields, top to bottom.
class HeaderView {
 public:
  /// `text`: the lines before the empty one. It must outlive the view. Lines that are no field
  /// (no colon, a bad name, a fold with nothing before it) are skipped and counted.
  static HeaderView parse(std::string_view text, const HeaderLimits& limits = {});

  const std::vector<FieldView>& fields() const { return fields_; }
  std::size_t count(std::string_view name) const;
  /// The lowest field of that name above `below` (an index, or fields().size()); npos when none.
  /// RFC 6376 §5.4.2: fields are taken from the bottom up.
  std::size_t find_above(std::string_view name, std::size_t below) const;
  std::size_t not_fields() const { return not_fields_; }
  /// There are lines that are no field: one reader skips them, another takes the first for the
  /// header's end. Such a header vouches for nobody: DKIM, DMARC and ARC all ask here.
  bool ambiguous() const { return not_fields_ > 0; }
  /// There were more fields than the limit; those below it are not in fields().
  bool truncated() const { return truncated_; }
  /// Octets of memory, without the text.
  std::size_t memory() const {
    return fields_.capacity() * sizeof(FieldView) + hashes_.capacity() * sizeof(std::uint32_t);
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

 private:
  void add(std::string_view raw);

  std::vector<FieldView> fields_;
  std::vector<std::uint32_t> hashes_;  ///< of the lower-case names, for find_above
  std::size_t not_fields_ = 0;
  bool truncated_ = false;
};

/// Takes a message as it arrives and keeps its header section, once for everybody who reads it.
class HeaderCollector {
 public:
  explicit HeaderCollector(HeaderLimits limits = {}) : limits_(limits) {}
  HeaderCollector(const HeaderCollector&) = delete;  // the view points into the text
  HeaderCollector& operator=(const HeaderCollector&) = delete;

  /// Takes what belongs to the header; says how many octets of `chunk` that was. The rest, and all
  /// later ones, are body.
  std::size_t feed(std::string_view chunk);
  /// The message is over: what is there is the header.
  void finish();

  bool complete() const { return complete_; }
  /// The section is longer than its limit, or has more fields. It is complete then, and of no use:
  /// text and fields are gone.
  bool too_long() const { return too_long_; }
  /// Up to and with the CRLF before the empty line.
  const std::string& text() const { return text_; }
  /// The fields, once the section is complete.
  const HeaderView& view() const { return view_; }
  /// Octets of memory.
  std::size_t memory() const { return text_.capacity() + view_.memory(); }

 private:
  void complete(bool too_long);

  HeaderLimits limits_;
  std::string text_;
  HeaderView view_;
  bool complete_ = false;
  bool too_long_ = false;
};

}  // namespace mailauth
