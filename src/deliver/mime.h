// The structure of a MIME message (RFC 2045, RFC 2046): header fields and leaf parts as views into
// the message, so that each part keeps its exact octets. One pass over the lines with an explicit
// stack; depth, parts and header sizes are limited, and time is linear in the size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime_charset.h"
#include "deliver/mime_transfer.h"

namespace postern::deliver {

/// Limits of the parser. If one is exceeded, parsing stops and the result is what was found so far.
struct MimeLimits {
  std::size_t depth = 50;                 ///< nested multiparts
  std::size_t parts = 1000;               ///< leaf parts
  std::size_t header_fields = 1000;       ///< of one header
  std::size_t header_size = 1024 * 1024;  ///< octets of one header
  std::size_t field_size = 100 * 1024;    ///< octets of one field; a longer one is cut
};

/// A header field as it is in the message.
struct FieldView {
  std::string_view name;   ///< without the colon
  std::string_view value;  ///< after the colon, still folded
};

/// A leaf: a text, an attachment or an enclosed message. Views point into the message.
struct PartView {
  std::string type = "text/plain";         ///< media type in lower case, without parameters
  std::string charset;                     ///< as written, "" if none
  Transfer transfer = Transfer::identity;  ///< how `body` is encoded
  std::string disposition;                 ///< lower case, "" if none
  std::optional<std::string> filename;     ///< safe to show, see clean_filename()
  std::optional<std::string> content_id;   ///< without angle brackets
  std::string_view body;                   ///< still encoded

  /// Whether the part belongs to the payload's `text` or `html`: plain or HTML text without a file
  /// name and not sent as an attachment.
  bool is_body() const;
};

/// A parsed message. Views point into it.
struct MessageView {
  std::vector<FieldView> fields;      ///< of the message's header
  std::vector<PartView> parts;        ///< leaves in order
  std::vector<std::string> warnings;  ///< sentences for people
  DecodeNotes names;                  ///< problems with the charsets of MIME parameters
  bool ambiguous = false;             ///< other programs may read the message differently
  std::string parse_error;            ///< the limit that stopped the parser; "": none

  /// The first field with that name, ignoring case; null if there is none.
  const FieldView* find(std::string_view name) const;
};

/// Parses a message; never fails. `message` must outlive the result. Safe from any thread.
MessageView scan_message(std::string_view message, Charsets& charsets,
                         const MimeLimits& limits = {});

}  // namespace postern::deliver
