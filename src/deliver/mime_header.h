// Header fields out of lines, and what the fields of an entity say about its body.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"
#include "deliver/mime_charset.h"
#include "deliver/mime_params.h"

namespace postern::deliver {

/// Where the header ended.
struct HeaderEnd {
  std::size_t body = 0;  ///< offset of the first octet of the body
};

/// What the header of a part says.
struct Entity {
  bool multipart = false;
  bool digest = false;   ///< parts without a type are messages (RFC 2046 §5.1.5)
  std::string boundary;  ///< of a multipart
  PartView part;         ///< of a leaf, without its body
};

class HeaderReader {
 public:
  /// Warnings, ambiguities and exceeded limits go into `view`, which must outlive this.
  HeaderReader(Charsets& charsets, const MimeLimits& limits, MessageView& view)
      : charsets_(charsets), limits_(limits), view_(view) {}

  /// Reads the header of the message. It ends at the first empty line, and lines that are no fields
  /// are skipped; without an empty line anywhere, the first such line begins the body.
  HeaderEnd read_top(std::string_view message, std::vector<FieldView>& fields);

  /// Takes one line of a part's header. False when the line belongs to the body: it is no field,
  /// and `next` is none either.
  bool add_line(std::string_view line, std::string_view next);
  std::vector<FieldView> take_fields();

  /// Reads the MIME fields; `fallback` is the type when there is none.
  Entity entity(const std::vector<FieldView>& fields, std::string_view fallback);

 private:
  bool take_line(std::string_view line, std::vector<FieldView>& fields);
  void skip(std::string_view line);
  const FieldView* only(const std::vector<FieldView>& fields, std::string_view name);
  void content_type(std::string_view value, std::string_view fallback, Entity& entity);
  void disposition(std::string_view value, Entity& entity);
  void add_notes(const ParameterNotes& notes);
  void warn_once(bool& done, const char* text);

  Charsets& charsets_;
  MimeLimits limits_;
  MessageView& view_;
  std::vector<FieldView> fields_;
  std::size_t header_size_ = 0;
  bool skipping_ = false;  ///< the last line was no field: its continuations are not either
  bool warned_skip_ = false;
  bool warned_parameters_ = false;
  bool warned_gap_ = false;
  bool warned_transfer_ = false;
};

}  // namespace postern::deliver
