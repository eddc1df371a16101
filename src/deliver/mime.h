// The structure of a message, found in one pass over its lines with an explicit stack: header
// fields and leaf parts as views into the message, so that every part keeps its octets exactly.
// Nesting, parts and header sizes are bounded; nothing recurses, and time is linear in the size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime_charset.h"
#include "deliver/mime_transfer.h"

namespace postern::deliver {

/// What a message may ask of the parser; beyond it parsing stops and what was found so far stands.
struct MimeLimits {
  std::size_t depth = 50;            ///< multiparts inside each other
  std::size_t parts = 1000;          ///< leaf parts
  std::size_t header_fields = 1000;  ///< of one header
  std::size_t header_size = 1024 * 1024;
  std::size_t field_size = 100 * 1024;
};

/// One header field as it stands in the message.
struct FieldView {
  std::string_view name;
  std::string_view value;  ///< folded, after the colon
};

/// A leaf: text, attachment or enclosed message. Views point into the message.
struct PartView {
  std::string type = "text/plain";  ///< lower case, without parameters
  std::string charset;              ///< label as written, "" without one
  Transfer transfer = Transfer::identity;
  std::string disposition;              ///< lower case, "" without one
  std::optional<std::string> filename;  ///< cleaned
  std::optional<std::string> content_id;
  std::string_view body;

  /// Whether it belongs to `text` or `html`: plain or HTML text that is neither named nor sent as
  /// an attachment.
  bool is_body() const;
};

struct MessageView {
  std::vector<FieldView> fields;  ///< of the top header
  std::vector<PartView> parts;    ///< leaves in order
  std::vector<std::string> warnings;
  DecodeNotes names;        ///< what decoding file names and parameters had to put up with
  bool ambiguous = false;   ///< other readers may see another message
  std::string parse_error;  ///< which limit stopped the parser, "" when none did

  /// The first field of that name (case ignored), or null.
  const FieldView* find(std::string_view name) const;
};

/// Never fails; `message` must outlive the result.
MessageView scan_message(std::string_view message, Charsets& charsets,
                         const MimeLimits& limits = {});

}  // namespace postern::deliver
