// The header section of a message (RFC 5322 §2.2): found in a stream of octets, split into fields,
// read through views. Lines end in CRLF; a lone CR or LF is an ordinary octet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailauth {

/// Limits of a header section.
struct HeaderLimits {
  std::size_t octets = 1 << 20;  ///< without the empty line
  std::size_t fields = 1000;     ///< number of fields
};

/// One header field, as views into the text of the section.
struct FieldView {
  std::string_view name;  ///< as written, without white space before the colon
  std::string_view body;  ///< the text after the colon with its folds, without the last CRLF
  std::string_view raw;   ///< the whole field, without the last CRLF
  bool space_before_colon = false;  ///< obsolete syntax (RFC 5322 §4.5)

  bool is(std::string_view other_name) const;  ///< compares names without ASCII case
};

/// The fields of a header section, from top to bottom.
class HeaderView {
 public:
  /// Parses the lines before the empty line. `text` must outlive the view. Lines that are not
  /// fields (no colon, an invalid name, a fold without a field before it) are skipped and counted.
  static HeaderView parse(std::string_view text, const HeaderLimits& limits = {});

  /// The fields, from top to bottom.
  const std::vector<FieldView>& fields() const { return fields_; }
  /// How many fields have this name; ASCII case is ignored. Linear.
  std::size_t count(std::string_view name) const;
  /// The lowest field with this name above `below`, which is an index or fields().size(). npos when
  /// there is none. RFC 6376 §5.4.2 takes fields from the bottom up.
  std::size_t find_above(std::string_view name, std::size_t below) const;
  /// Number of lines that are not fields.
  std::size_t not_fields() const { return not_fields_; }
  /// Whether some lines are not fields: one reader skips them, another ends the header there. DKIM,
  /// DMARC and ARC do not accept such a header.
  bool ambiguous() const { return not_fields_ > 0; }
  /// Whether there were more fields than the limit; fields() lacks those below it.
  bool truncated() const { return truncated_; }
  /// Octets of memory in use, without the text.
  std::size_t memory() const {
    return fields_.capacity() * sizeof(FieldView) + hashes_.capacity() * sizeof(std::uint32_t);
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);  ///< no field

 private:
  void add(std::string_view raw);

  std::vector<FieldView> fields_;
  std::vector<std::uint32_t> hashes_;  ///< of the names in lower case, for find_above
  std::size_t not_fields_ = 0;
  bool truncated_ = false;
};

/// Collects the header section of a message that arrives in chunks, for all its readers.
class HeaderCollector {
 public:
  /// `limits`: a larger section is dropped; see too_long().
  explicit HeaderCollector(HeaderLimits limits = {}) : limits_(limits) {}
  HeaderCollector(const HeaderCollector&) = delete;  // the view points into the text
  HeaderCollector& operator=(const HeaderCollector&) = delete;

  /// Takes the octets of `chunk` that belong to the header, with the empty line, and returns how
  /// many they were. The rest of `chunk` and all later octets are body.
  std::size_t feed(std::string_view chunk);
  /// Ends a message that has no empty line: what was collected is the header.
  void finish();

  /// Whether the end of the header section was found.
  bool complete() const { return complete_; }
  /// Whether the section exceeds a limit. Then it is complete, and text() and view() are empty.
  bool too_long() const { return too_long_; }
  /// The section up to the empty line, with the CRLF of its last field.
  const std::string& text() const { return text_; }
  /// The fields; empty until complete().
  const HeaderView& view() const { return view_; }
  /// Octets of memory in use.
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
