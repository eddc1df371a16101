// Reads header fields from lines, within limits; lines that are not fields are skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"

namespace postern::deliver {

/// Where a header ended.
struct HeaderEnd {
  std::size_t body = 0;  ///< offset of the first octet of the body
};

/// Reads headers of one message.
class HeaderReader {
 public:
  /// Adds warnings, ambiguities and exceeded limits to `view`, which must outlive this.
  HeaderReader(const MimeLimits& limits, MessageView& view) : limits_(limits), view_(view) {}

  /// Reads the header of the message, up to the first empty line; lines that are not fields are
  /// skipped. If the message has no empty line, the body begins with the first such line.
  HeaderEnd read_top(std::string_view message, std::vector<FieldView>& fields);

  /// Takes one line of a part's header. False if the line belongs to the body: neither it nor
  /// `next` is a field.
  bool add_line(std::string_view line, std::string_view next);
  /// Returns the fields of the part's header and prepares for the next part.
  std::vector<FieldView> take_fields();

 private:
  bool take_line(std::string_view line, std::vector<FieldView>& fields);
  void skip();
  void cut(FieldView& field);
  void warn_once(bool& done, const char* text);

  MimeLimits limits_;
  MessageView& view_;
  std::vector<FieldView> fields_;
  std::size_t header_size_ = 0;
  bool top_ = false;       ///< reading the message's header
  bool skipping_ = false;  ///< the last line was not a field, so its continuations are skipped
  bool warned_skip_ = false;
  bool warned_cut_ = false;
};

}  // namespace postern::deliver
