// Header fields out of lines, within the limits; lines that are no fields are skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"

namespace postern::deliver {

/// Where the header ended.
struct HeaderEnd {
  std::size_t body = 0;  ///< offset of the first octet of the body
};

class HeaderReader {
 public:
  /// Warnings, ambiguities and exceeded limits go into `view`, which must outlive this.
  HeaderReader(const MimeLimits& limits, MessageView& view) : limits_(limits), view_(view) {}

  /// Reads the header of the message. It ends at the first empty line, and lines that are no fields
  /// are skipped; without an empty line anywhere, the first such line begins the body.
  HeaderEnd read_top(std::string_view message, std::vector<FieldView>& fields);

  /// Takes one line of a part's header. False when the line belongs to the body: it is no field,
  /// and `next` is none either.
  bool add_line(std::string_view line, std::string_view next);
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
  bool top_ = false;       ///< it is the message's header
  bool skipping_ = false;  ///< the last line was no field: its continuations are not either
  bool warned_skip_ = false;
  bool warned_cut_ = false;
};

}  // namespace postern::deliver
